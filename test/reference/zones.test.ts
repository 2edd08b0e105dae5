import { describe, expect, it } from 'vitest';
import { emptyPolicy, parsePolicy } from '../../src/reference/policy/policy.ts';
import { createZones } from '../../src/reference/policy/zones.ts';
import { createScopes } from '../../src/reference/scopes.ts';

const policy = parsePolicy(
  'zones: { edge: { interface: [eni-1] }, app: { cidr: [10.0.0.0/8] }, partner: { cidr: [203.0.113.0/24] } }',
  'policy.yaml',
);
const zonesOf = createZones(policy, createScopes({ internal: [] }));

describe('zones of a finding', () => {
  it('are those of its ends', () => {
    expect(zonesOf({ subject: '10.0.0.1', peer: '203.0.113.7' }, '')).toEqual({
      zone: 'app',
      peerZone: 'partner',
    });
    expect(zonesOf({ subject: '198.51.100.1', peer: '10.0.0.1' }, '')).toEqual({ peerZone: 'app' });
    expect(zonesOf({ subject: '198.51.100.1' }, '')).toEqual({});
  });

  it('are by the interface where the log says whose it is', () => {
    expect(zonesOf({ subject: '10.0.0.1', peer: '198.51.100.1' }, 'eni-1')).toEqual({ zone: 'edge' });
    expect(zonesOf({ subject: '198.51.100.1', peer: '10.0.0.1' }, 'eni-1')).toEqual({ peerZone: 'edge' });
    expect(zonesOf({ subject: '10.0.0.1', peer: '10.0.0.2' }, 'eni-1')).toEqual({
      zone: 'app',
      peerZone: 'app',
    });
    expect(zonesOf({ subject: '10.0.0.1' }, 'eni-1')).toEqual({ zone: 'app' });
  });

  it('are by name where the subject is an interface', () => {
    expect(zonesOf({ subject: 'eni-1' }, 'eni-1')).toEqual({ zone: 'edge' });
    expect(zonesOf({ subject: '123456789012' }, '')).toEqual({});
  });

  it('are none without a policy', () => {
    const none = createZones(emptyPolicy, createScopes({ internal: [] }));
    expect(none({ subject: '10.0.0.1', peer: '10.0.0.2' }, 'eni-1')).toEqual({});
  });
});
