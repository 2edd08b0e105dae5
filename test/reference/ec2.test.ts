import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { describeInterfaces } from '../../src/reference/inventory/ec2.ts';
import { silentEndpoint } from './silent-endpoint.ts';

/** EC2's query protocol as far as two calls need it: the first call is throttled, interfaces come in two pages, unless it is told to fail. */
let server: Server;
let endpoint: string;
let calls: string[] = [];
let fails = false;

const page = (name: string, address: string, next?: string): string =>
  `<DescribeNetworkInterfacesResponse xmlns="http://ec2.amazonaws.com/doc/2016-11-15/"><networkInterfaceSet><item>
<networkInterfaceId>${name}</networkInterfaceId><vpcId>vpc-1</vpcId><ownerId>123456789012</ownerId><interfaceType>nat_gateway</interfaceType>
<privateIpAddressesSet><item><privateIpAddress>${address}</privateIpAddress><association><publicIp>203.0.113.8</publicIp></association></item></privateIpAddressesSet>
<ipv6AddressesSet><item><ipv6Address>2001:db8::1</ipv6Address></item></ipv6AddressesSet>
<ipv4PrefixSet><item><ipv4Prefix>10.0.64.0/28</ipv4Prefix></item></ipv4PrefixSet>
<attachment><status>attached</status><attachTime>2026-01-05T00:00:00.000Z</attachTime></attachment>
</item></networkInterfaceSet>${next === undefined ? '' : `<nextToken>${next}</nextToken>`}</DescribeNetworkInterfacesResponse>`;

beforeAll(async () => {
  process.env.AWS_ACCESS_KEY_ID = 'test';
  process.env.AWS_SECRET_ACCESS_KEY = 'test';
  server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const form = new URLSearchParams(body);
    const action = form.get('Action') ?? '';
    calls.push([action, form.get('NextToken')].filter(Boolean).join(' '));
    const refuse = (status: number, code: string): void => {
      response.writeHead(status, { 'content-type': 'text/xml' });
      response.end(
        `<Response><Errors><Error><Code>${code}</Code><Message>m</Message></Error></Errors></Response>`,
      );
    };
    if (fails) return refuse(403, 'UnauthorizedOperation');
    if (calls.length === 1) return refuse(503, 'RequestLimitExceeded');
    response.setHeader('content-type', 'text/xml');
    if (action === 'DescribeInstances')
      response.end('<DescribeInstancesResponse><reservationSet/></DescribeInstancesResponse>');
    else
      response.end(
        form.get('NextToken') === null ? page('eni-1', '10.0.0.1', 'two') : page('eni-2', '10.0.0.2'),
      );
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => server.close());

const look = () => {
  calls = [];
  return describeInterfaces({ regions: ['r'], endpoint }, 'r', [], new AbortController().signal);
};

describe('describeInterfaces', () => {
  it('tries again what is throttled, and reads every page', async () => {
    const found = await look();
    expect(calls).toEqual([
      'DescribeInstances',
      'DescribeInstances',
      'DescribeNetworkInterfaces',
      'DescribeNetworkInterfaces two',
    ]);
    expect(found.map(({ id }) => id)).toEqual(['eni-1', 'eni-2']);
  });

  it('knows every address, a role by the type, and when it was attached', async () => {
    const [first] = await look();
    expect(first).toEqual({
      id: 'eni-1',
      role: 'nat gateway',
      addresses: ['10.0.0.1', '10.0.64.0/28', '2001:db8::1', '203.0.113.8'],
      interface: 'eni-1',
      account: '123456789012',
      region: 'r',
      vpc: 'vpc-1',
      tags: {},
      from: Date.parse('2026-01-05T00:00:00Z') / 1000,
    });
  });

  it('fails as a whole when it may not ask', async () => {
    fails = true;
    await expect(look()).rejects.toThrow(/UnauthorizedOperation|m/);
  });

  it.each([
    ['EC2', {}],
    ['the service that gives roles', { arn: 'arn:aws:iam::111111111111:role/flowsentry' }],
  ])('ends with the attempt that it is at when it is told to while %s does not answer', async (_, role) => {
    const silent = await silentEndpoint();
    const stop = new AbortController();
    const assumeRole = 'arn' in role ? { ...role, endpoint: silent.url } : undefined;
    const looking = describeInterfaces(
      { regions: ['r'], endpoint: silent.url, assumeRole },
      ...(['r', [], stop.signal] as const),
    );
    await silent.connected();
    stop.abort();
    await expect(looking).rejects.toThrow();
    expect(silent.connections()).toBe(1);
  });
});
