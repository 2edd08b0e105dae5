import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  CreateNetworkInterfaceCommand,
  CreateSecurityGroupCommand,
  CreateSubnetCommand,
  CreateTagsCommand,
  CreateVpcCommand,
  DeleteNetworkInterfaceCommand,
  EC2Client,
  RunInstancesCommand,
} from '@aws-sdk/client-ec2';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Alert, InventoryEntry } from '../../src/contracts.ts';
import { describeInterfaces } from '../../src/reference/inventory/ec2.ts';
import { readManifest } from '../../src/store/manifest/manifest.ts';
import { flowsentry, temporaryFolder } from '../cli/run.ts';
import { freePort, startRun } from '../cli/service.ts';
import { type Moto, startMoto } from './rigs/moto.ts';

const REGION = 'eu-central-1';
const folder = temporaryFolder();
let moto: Moto;
let ec2: EC2Client;
let subnet: string;
let vpc: string;

beforeAll(async () => {
  moto = await startMoto();
  ec2 = new EC2Client({ region: REGION, endpoint: moto.endpoint });
  const made = await ec2.send(new CreateVpcCommand({ CidrBlock: '10.0.0.0/16' }));
  vpc = made.Vpc?.VpcId ?? '';
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: vpc, CidrBlock: '10.0.0.0/20' }));
  subnet = Subnet?.SubnetId ?? '';
});
afterAll(() => moto.stop());

/** An instance, and its address. */
async function startInstance(tags: Record<string, string>): Promise<{ id: string; address: string }> {
  const group = await ec2.send(
    new CreateSecurityGroupCommand({
      GroupName: `g-${Object.values(tags)[0]}`,
      Description: 'd',
      VpcId: vpc,
    }),
  );
  const { Instances = [] } = await ec2.send(
    new RunInstancesCommand({
      ...{ ImageId: 'ami-12c6146b', MinCount: 1, MaxCount: 1, SubnetId: subnet },
      SecurityGroupIds: [group.GroupId ?? ''],
      TagSpecifications: [
        {
          ResourceType: 'instance',
          Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
        },
      ],
    }),
  );
  const [instance] = Instances;
  return { id: instance?.InstanceId ?? '', address: instance?.PrivateIpAddress ?? '' };
}

const options = () => ({ regions: [REGION], endpoint: moto.endpoint });
const look = (more: object = {}): Promise<InventoryEntry[]> =>
  describeInterfaces({ ...options(), ...more }, REGION, ['role'], new AbortController().signal);

describe('the inventory of EC2', () => {
  it('says of an interface what has it, with tags and security groups', async () => {
    const { id, address } = await startInstance({ Name: 'shop-web-1', role: 'web', team: 'shop' });
    const found = (await look()).find((entry) => entry.addresses.includes(address));
    expect(found).toMatchObject({
      ...{ id, name: 'shop-web-1', role: 'web', region: REGION, vpc, subnet },
      interface: expect.stringMatching(/^eni-/),
      account: '123456789012',
      securityGroups: [expect.stringMatching(/^sg-\w+ \(g-shop-web-1\)$/)],
      tags: { Name: 'shop-web-1', role: 'web', team: 'shop' },
    });
  });

  it('takes tags of the interface itself first, and knows what services of AWS write', async () => {
    const make = (Description: string, address: string) =>
      ec2.send(
        new CreateNetworkInterfaceCommand({ SubnetId: subnet, Description, PrivateIpAddress: address }),
      );
    await make('ELB app/shop/50dc6c495c0c9188', '10.0.9.1');
    await make('AWS Lambda VPC ENI-pay-9e2e7b6a-1111-2222-3333-444444444444', '10.0.9.2');
    const own = await make('', '10.0.9.3');
    await ec2.send(
      new CreateTagsCommand({
        Resources: [own.NetworkInterface?.NetworkInterfaceId ?? ''],
        Tags: [{ Key: 'role', Value: 'appliance' }],
      }),
    );
    const entries = await look();
    const at = (address: string) => entries.find((entry) => entry.addresses.includes(address));
    expect(at('10.0.9.1')).toMatchObject({ name: 'app/shop', role: 'load balancer app/shop' });
    expect(at('10.0.9.2')).toMatchObject({ name: 'pay', role: 'lambda pay' });
    expect(at('10.0.9.3')).toMatchObject({ role: 'appliance', from: 0 });
  });

  it('takes on a role of another account', async () => {
    const arn = 'arn:aws:iam::111111111111:role/flowsentry';
    expect(await look({ assumeRole: { arn, externalId: 'ours', endpoint: moto.endpoint } })).toEqual([]);
  });

  it('is printed as a file that can be read again', async () => {
    const config = join(folder, 'fetch.yaml');
    writeFileSync(config, `inventory: {ec2: [{regions: [${REGION}], endpoint: "${moto.endpoint}"}]}\n`);
    const { code, stdout, stderr } = await flowsentry(['inventory', 'fetch', '--config', config], {
      AWS_ACCESS_KEY_ID: 'test',
      AWS_SECRET_ACCESS_KEY: 'test',
    });
    expect({ code, stderr }).toMatchObject({ code: 0 });
    writeFileSync(join(folder, 'fetched.jsonl'), stdout);
    const again = join(folder, 'file.yaml');
    writeFileSync(again, 'inventory: {file: fetched.jsonl}\n');
    const listed = await flowsentry(['inventory', 'list', '10.0.9.1', '--json', '--config', again]);
    expect(JSON.parse(listed.stdout)).toMatchObject({ name: 'app/shop' });
  });
});

describe('a service with an inventory of EC2', () => {
  const source = '- {type: file, name: collected, paths: [logs], interval: 0.05}';
  const more = (port: number) =>
    `serve: {port: ${port}}\ninventory: {refresh: 1s, ec2: [{regions: [${REGION}], endpoint: "${moto.endpoint}"}]}\ndetectors: {unexpected-egress: {learnDays: 0}}\n`;
  const told = async (data: string, peer: string): Promise<Alert> => {
    for (;;) {
      const found = (await readManifest(data))?.alerts.find((alert) => alert.peer === peer);
      if (found !== undefined) return found;
      await sleep(50);
    }
  };
  const line = (from: string, to: string, bytes: number, start: number): string =>
    `2 123456789012 eni-0a1b2c3d ${from} ${to} 6 900 ${bytes} ${start} ${start + 50} ACCEPT OK`;
  /** Traffic of `address` to somewhere new, and enough after it that time moves on. */
  const write = (logs: string, name: string, address: string, peer: string, at: number): void => {
    const later = Array.from({ length: 300 }, (_, i) =>
      line('10.0.0.250', '10.0.0.251 40000 443', 99, at + i * 3),
    );
    const there = line(address, `${peer} 40000 4444`, 900_000, at);
    const back = line(peer, `${address} 4444 40000`, 9000, at);
    writeFileSync(join(logs, name), `${[there, back, ...later].join('\n')}\n`);
  };

  const at = (root: string) => ['--data', join(root, 'data'), '--config', join(root, 'flowsentry.yaml')];

  it('knows what came and went, and what it knew last after a restart while EC2 is away', async () => {
    const first = await startInstance({ Name: 'first', role: 'web' });
    const { NetworkInterface: second = {} } = await ec2.send(
      new CreateNetworkInterfaceCommand({ SubnetId: subnet, PrivateIpAddress: '10.0.9.9' }),
    );
    const { NetworkInterfaceId = '' } = second;
    const root = join(folder, 'service');
    let service = startRun(root, source, more(await freePort()));
    await service.saying('running');
    const now = Math.floor(Date.now() / 1000);
    write(service.logs, 'a.log', first.address, '203.0.113.9', now);
    expect(await told(service.data, '203.0.113.9')).toMatchObject({
      asset: { id: first.id, name: 'first', role: 'web' },
    });

    await ec2.send(new DeleteNetworkInterfaceCommand({ NetworkInterfaceId }));
    const changes = () => service.logged().filter(({ message }) => message === 'the inventory has changed');
    while (changes().length < 2) await sleep(50);
    write(service.logs, 'b.log', '10.0.9.9', '198.51.100.7', now + 3600);
    expect(await told(service.data, '198.51.100.7')).not.toHaveProperty('asset');
    const listed = await flowsentry(['inventory', 'list', NetworkInterfaceId, '--json', ...at(root)]);
    expect(JSON.parse(listed.stdout)).toMatchObject({
      id: NetworkInterfaceId,
      to: expect.stringMatching(/Z$/),
    });
    expect(await service.stop()).toBe(0);

    await moto.stop();
    const port = await freePort();
    service = startRun(root, source, more(port));
    await service.saying('the inventory cannot be read; what was known last stays');
    write(service.logs, 'c.log', first.address, '192.0.2.77', now + 7200);
    expect(await told(service.data, '192.0.2.77')).toMatchObject({ asset: { id: first.id } });
    const page = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(page).toMatch(/flowsentry_inventory_age_seconds\{source="[^"]+"\} \d/);
    expect(await service.stop()).toBe(0);
  });
});
