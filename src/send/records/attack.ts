/** A technique of MITRE ATT&CK: its name, the tactic for which our detectors report it, and the technique that it is a part of. */
export interface Technique {
  readonly name: string;
  readonly tactic: Tactic;
  readonly parent?: string;
}

/** Version of the matrix that names and ids are from: https://attack.mitre.org/resources/updates/updates-april-2026/ */
export const ATTACK_VERSION = '19.0';

/** Ids of tactics by their names. */
export const TACTICS = {
  Reconnaissance: 'TA0043',
  'Initial Access': 'TA0001',
  'Defense Impairment': 'TA0112',
  'Credential Access': 'TA0006',
  Discovery: 'TA0007',
  'Lateral Movement': 'TA0008',
  'Command and Control': 'TA0011',
  Exfiltration: 'TA0010',
  Impact: 'TA0040',
} as const;
export type Tactic = keyof typeof TACTICS;

const C2 = 'Command and Control';
const TECHNIQUES: Readonly<Record<string, readonly [name: string, tactic: Tactic]>> = {
  T1008: ['Fallback Channels', C2],
  T1018: ['Remote System Discovery', 'Discovery'],
  T1020: ['Automated Exfiltration', 'Exfiltration'],
  T1021: ['Remote Services', 'Lateral Movement'],
  'T1021.001': ['Remote Desktop Protocol', 'Lateral Movement'],
  'T1021.002': ['SMB/Windows Admin Shares', 'Lateral Movement'],
  'T1021.004': ['SSH', 'Lateral Movement'],
  'T1021.006': ['Windows Remote Management', 'Lateral Movement'],
  T1029: ['Scheduled Transfer', 'Exfiltration'],
  T1030: ['Data Transfer Size Limits', 'Exfiltration'],
  T1040: ['Network Sniffing', 'Credential Access'],
  T1041: ['Exfiltration Over C2 Channel', 'Exfiltration'],
  T1046: ['Network Service Discovery', 'Discovery'],
  T1048: ['Exfiltration Over Alternative Protocol', 'Exfiltration'],
  'T1048.003': ['Exfiltration Over Unencrypted Non-C2 Protocol', 'Exfiltration'],
  T1071: ['Application Layer Protocol', C2],
  'T1071.003': ['Mail Protocols', C2],
  'T1071.004': ['DNS', C2],
  T1090: ['Proxy', C2],
  'T1090.003': ['Multi-hop Proxy', C2],
  T1095: ['Non-Application Layer Protocol', C2],
  T1110: ['Brute Force', 'Credential Access'],
  'T1110.001': ['Password Guessing', 'Credential Access'],
  T1133: ['External Remote Services', 'Initial Access'],
  T1190: ['Exploit Public-Facing Application', 'Initial Access'],
  T1210: ['Exploitation of Remote Services', 'Lateral Movement'],
  T1219: ['Remote Access Tools', C2],
  T1496: ['Resource Hijacking', 'Impact'],
  'T1496.001': ['Compute Hijacking', 'Impact'],
  'T1496.002': ['Bandwidth Hijacking', 'Impact'],
  T1498: ['Network Denial of Service', 'Impact'],
  'T1498.001': ['Direct Network Flood', 'Impact'],
  'T1498.002': ['Reflection Amplification', 'Impact'],
  T1567: ['Exfiltration Over Web Service', 'Exfiltration'],
  T1571: ['Non-Standard Port', C2],
  T1572: ['Protocol Tunneling', C2],
  T1573: ['Encrypted Channel', C2],
  T1595: ['Active Scanning', 'Reconnaissance'],
  'T1595.001': ['Scanning IP Blocks', 'Reconnaissance'],
  T1685: ['Disable or Modify Tools', 'Defense Impairment'],
  'T1685.002': ['Disable or Modify Cloud Log', 'Defense Impairment'],
};

/** What is known of a technique by its id; undefined for one that none of our detectors reports. */
export function techniqueOf(id: string): Technique | undefined {
  const [name, tactic] = Object.hasOwn(TECHNIQUES, id) ? TECHNIQUES[id]! : [];
  if (name === undefined || tactic === undefined) return undefined;
  const [parent = id] = id.split('.');
  return { name, tactic, ...(parent === id ? {} : { parent }) };
}
