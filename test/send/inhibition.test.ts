import { describe, expect, it } from 'vitest';
import type { Alert } from '../../src/contracts.ts';
import { createInhibition } from '../../src/send/routing/inhibition.ts';
import { alertOf } from './alerts.ts';

describe('inhibition', () => {
  const open = () =>
    createInhibition([
      {
        source: ['detector="lateral-movement"', 'severity>=medium'],
        target: ['detector="bad-ip"'],
        equal: ['subject', 'peer'],
      },
    ]);
  const source = (peer: string, more: Partial<Alert> = {}) =>
    alertOf(1, { detector: 'lateral-movement', peer, ...more });
  const target = (peer: string) => alertOf(1, { id: 'target', detector: 'bad-ip', peer });
  const [first, second] = ['10.0.0.7', '10.0.0.8'] as const;

  it('holds back what has the same labels, while its source fires', () => {
    const inhibition = open();
    inhibition.see(source(first));
    expect(inhibition.inhibitedBy(target(first))).toBe(source(first).id);
    expect(inhibition.inhibitedBy(target(second))).toBeUndefined();
    inhibition.see(source(first, { state: 'resolved' }));
    expect(inhibition.inhibitedBy(target(first))).toBeUndefined();
  });

  it('goes with the labels of its source, and ends with it', () => {
    const inhibition = open();
    inhibition.see(source(first));
    inhibition.see(source(second));
    expect(inhibition.inhibitedBy(target(first))).toBeUndefined();
    expect(inhibition.inhibitedBy(target(second))).toBe(source(second).id);
    inhibition.see(source(second, { state: 'resolved' }));
    expect(inhibition.inhibitedBy(target(second))).toBeUndefined();
  });

  it('ends when its source no longer fits, and stays while another one does', () => {
    const inhibition = open();
    const other = source(first, { id: 'other' });
    inhibition.see(source(first));
    inhibition.see(other);
    inhibition.see(source(second, { severity: 'low' }));
    expect(inhibition.inhibitedBy(target(first))).toBe('other');
    inhibition.see({ ...other, state: 'resolved' });
    expect(inhibition.inhibitedBy(target(first))).toBeUndefined();
  });
});
