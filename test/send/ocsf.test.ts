import { describe, expect, it } from 'vitest';
import { detectors } from '../../detectors/index.ts';
import { TACTICS, techniqueOf } from '../../src/send/records/attack.ts';
import { recordsOf } from '../../src/send/records/records.ts';
import { messageOf } from '../contracts/sink.ts';
import { alertOf, goldenAlerts } from './alerts.ts';

// Every attribute is looked at by OCSF's own schema in test/integration/ocsf.test.ts.
const findingOf = (...[alert, more, console]: [ReturnType<typeof alertOf>, object?, string?]) =>
  JSON.parse(recordsOf(messageOf([alert], more), 'ocsf', { console })[0]?.text ?? '');

describe('a Detection Finding', () => {
  it('has the identity, the times and the severity of its alert', () => {
    expect(findingOf(alertOf(1))).toMatchObject({
      class_uid: 2004,
      type_uid: 200401,
      activity_id: 1,
      severity_id: 4,
      severity: 'High',
      status_id: 1,
      time: Date.parse('2026-01-05T00:10:00.000Z'),
      count: 60,
      metadata: { uid: `${'k'.repeat(32)}-${alertOf(1).id}`, version: '1.6.0', profiles: ['cloud'] },
      cloud: { account: { uid: '123456789012' } },
      finding_info: {
        uid: alertOf(1).id,
        first_seen_time: Date.parse('2026-01-05T00:00:00.000Z'),
        attacks: [
          {
            technique: { uid: 'T1046', name: 'Network Service Discovery' },
            tactic: { uid: 'TA0007', name: 'Discovery' },
          },
        ],
      },
      evidences: [
        {
          src_endpoint: { ip: '10.0.1.1', port: 40_000 },
          dst_endpoint: { ip: '10.0.2.9', port: 1000 },
          connection_info: { protocol_num: 6, protocol_name: 'tcp' },
          data: alertOf(1).samples[0],
        },
      ],
      resources: [{ uid: '10.0.1.1', ip: '10.0.1.1' }, { uid: 'eni-0a1b2c3d' }],
      unmapped: { key: 'k'.repeat(32), query: 'SELECT 1', explanation: { rule: 'no-scans' } },
    });
  });

  it('says in which zones its ends are', () => {
    const zones = { zone: 'web', peerZone: 'database' };
    const evidence = { src_endpoint: { zone: 'web' }, dst_endpoint: { zone: 'database' } };
    expect(findingOf(alertOf(1, zones))).toMatchObject({ evidences: [evidence], unmapped: zones });
    expect(findingOf(alertOf(1, { ...zones, samples: [] }))).toMatchObject({ evidences: [evidence] });
    expect(JSON.stringify(findingOf(alertOf(1)))).not.toContain('one"');
  });

  it.each([
    ['info', 1],
    ['low', 2],
    ['medium', 3],
    ['high', 4],
    ['critical', 5],
  ] as const)('of severity %s has the id %i', (severity, id) => {
    expect(findingOf(alertOf(1, { severity })).severity_id).toBe(id);
  });

  it('is an update where the other side had it before', () => {
    const alert = alertOf(1, { severity: 'critical' });
    const activity = (more: object, state: 'firing' | 'resolved' = 'firing') =>
      (findingOf({ ...alert, state }, more) as { activity_name: string }).activity_name;
    expect(findingOf(alert, { known: [alert.id] })).toMatchObject({
      ...{ activity_id: 2, activity_name: 'Update', type_uid: 200_402, status: 'New', severity: 'Critical' },
      finding_info: { uid: alert.id },
    });
    expect(activity({ known: [] })).toBe('Create');
    expect(activity({ known: ['another'] })).toBe('Create');
    expect(activity({ known: [alert.id] }, 'resolved')).toBe('Close');
  });

  it('is closed and resolved when the alert is over, and says when it is a test', () => {
    const said = findingOf(alertOf(1, { state: 'resolved' }), { test: true }, 'https://flows.example.org/');
    expect(said).toMatchObject({
      activity_id: 3,
      type_uid: 200403,
      status_id: 4,
      metadata: { labels: ['test'] },
    });
    expect(said.finding_info.src_url).toBe(`https://flows.example.org/alerts/${alertOf(1).id}`);
  });

  it('names a part of a technique below it, and a technique that it does not know by its id', () => {
    const { attacks } = findingOf(alertOf(1, { attack: ['T1071.004', 'T9999'] })).finding_info;
    expect(attacks).toMatchObject([
      { technique: { uid: 'T1071' }, sub_technique: { uid: 'T1071.004', name: 'DNS' } },
      { technique: { uid: 'T9999' } },
    ]);
  });

  it('stands also for alerts that are told by their number alone', () => {
    const dropped = [{ detector: 'bad-ip', severity: 'low', alerts: 1200 }] as const;
    const [, last] = recordsOf(messageOf([alertOf(1)], { dropped }), 'ocsf');
    expect(JSON.parse(last?.text ?? '')).toMatchObject({
      severity_id: 2,
      count: 1200,
      message: '1,200 alerts found no place while nothing could be delivered: 1,200 low bad-ip',
    });
  });

  it('has everything of the alert in it', () => {
    for (const alert of goldenAlerts()) {
      const text = JSON.stringify(findingOf(alert));
      for (const value of [
        alert.id,
        alert.detector,
        alert.subject,
        ...Object.values(alert.explanation),
        ...alert.attack,
      ])
        expect(text).toContain(JSON.stringify(value));
    }
  });
});

describe('the table of techniques', () => {
  it('has every one that a detector reports, with its tactic and what it is a part of', () => {
    for (const id of detectors.flatMap(({ attack }) => attack)) {
      const known = techniqueOf(id);
      expect(known?.name, id).toBeTruthy();
      expect(TACTICS).toHaveProperty([known!.tactic]);
      expect(known?.parent).toBe(id.includes('.') ? id.slice(0, 5) : undefined);
      if (known?.parent !== undefined) expect(techniqueOf(known.parent)?.tactic).toBe(known.tactic);
    }
    expect(techniqueOf('constructor')).toBeUndefined();
  });
});
