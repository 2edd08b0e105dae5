import { z } from 'zod';

const port = z.int().min(0).max(65_535);

export const plaintextConfig = z.strictObject({
  services: z
    .record(z.string().min(1), z.array(port))
    .default({
      ftp: [21],
      telnet: [23],
      tftp: [69],
      pop3: [110],
      imap: [143],
      snmp: [161],
      ldap: [389],
      rlogin: [512, 513, 514],
      mqtt: [1883],
      vnc: [5900, 5901],
      redis: [6379],
      memcached: [11_211],
    })
    .describe('Protocols that carry passwords or data in the clear, by name, and their server ports'),
  inside: z
    .boolean()
    .default(false)
    .describe('Tell sessions between hosts of ours too, as info: most networks have some of them'),
  maxCases: z.int().min(1).default(8192).describe('Most pairs of host and service followed at once'),
});

export type PlaintextConfig = z.infer<typeof plaintextConfig>;
