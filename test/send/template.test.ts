import { describe, expect, it } from 'vitest';
import { guideOf } from '../../detectors/index.ts';
import { contentOf } from '../../src/send/sinks/email-body.ts';
import { SinkOptions } from '../../src/send/sinks/index.ts';
import { slackBody } from '../../src/send/sinks/slack-blocks.ts';
import { compileTemplate, Templates, templateProblems } from '../../src/send/words/template.ts';
import {
  digestText,
  factsOf,
  headline,
  meaningOf,
  nextSteps,
  sentenceOf,
} from '../../src/send/words/text.ts';
import { createWording } from '../../src/send/words/wording.ts';
import { filledWith, messageOf } from '../contracts/sink.ts';
import { alertOf } from './alerts.ts';
import { HOSTILE } from './hostile.ts';
import { expectDeadText } from './sinks/slack-rules.ts';
import { createWorld } from './world.ts';

const OURS: Templates = {
  title: '{{ message.severity | upcase }}: {{ alert.name }}{% if message.count > 1 %} and more{% endif %}',
  sentence: '{{ alert.subject }} scans {{ alert.peer }}',
  resolved: '{{ alert.subject }} is quiet',
  meaning: 'Page 7 of our handbook.',
  numbers: 'Ports: {{ alert.count | grouped }}\nRule: {{ alert.explanation.rule }}\nwithout a name',
  next: 'Call: 555-{{ alert.port | default: "0100" }}',
  digest:
    '{{ message.count | grouped }} alerts:{% for one in message.counts %} {{ one.alerts }} {{ one.detector }}{% endfor %}',
};

/** What our own mail is made of. */
const TAGS: ReadonlySet<string> = new Set(
  '!doctype html head meta body div h1 h2 p br ul li table tr th td pre code'.split(' '),
);

const worded = (templates: Templates, message = messageOf([alertOf(1, { count: 1200 })])) => {
  const failures: string[] = [];
  const wording = createWording({
    guideOf,
    templates,
    console: 'https://flows.example.org',
    onFailure: (name, why) => failures.push(`${name}: ${why}`),
  });
  return { message: { ...message, words: wording(message) }, failures };
};

describe('templates', () => {
  it('take the place of every text of ours', () => {
    const { message, failures } = worded(OURS);
    const [alert] = message.alerts as [ReturnType<typeof alertOf>];
    expect(failures).toEqual([]);
    expect(headline(message)).toBe('HIGH: Port scan');
    expect(sentenceOf(message, alert)).toBe('10.0.1.1 scans 10.0.2.9');
    expect(meaningOf(message, alert)).toEqual([['Why it matters', 'Page 7 of our handbook.']]);
    expect(factsOf(message, alert)).toEqual([
      ['Ports', '1,200'],
      ['Rule', 'no-scans'],
      ['Note', 'without a name'],
    ]);
    expect(nextSteps(message, alert)).toEqual([['Call', '555-0100']]);
    const over = worded(OURS, messageOf([{ ...alert, state: 'resolved' }], { event: 'resolved' })).message;
    expect(sentenceOf(over, alert)).toBe('10.0.1.1 is quiet');
    const many = worded(OURS, messageOf([alert, alertOf(2)])).message;
    expect(headline(many)).toBe('HIGH: Port scan and more');
    expect(digestText(many)).toBe('2 alerts: 2 port-scan');
  });

  it.each<[string, keyof Templates]>(Object.keys(OURS).map((name) => [name, name as keyof Templates]))(
    'leave all else as it is: %s alone',
    (_, name) => {
      const { message } = worded({ [name]: OURS[name] });
      const bare = worded({}).message;
      const [alert] = message.alerts as [ReturnType<typeof alertOf>];
      const texts = (of: typeof message) => ({
        title: headline(of),
        sentence: sentenceOf(of, alert),
        meaning: meaningOf(of, alert),
        numbers: factsOf(of, alert),
        next: nextSteps(of, alert),
      });
      const other = (of: typeof message) =>
        Object.entries(texts(of)).filter(
          // The headline of one alert is its sentence.
          ([text]) => text !== name && !(name === 'sentence' && text === 'title'),
        );
      expect(other(message)).toEqual(other(bare));
    },
  );

  it('are shown by Slack and in mail as dead text, whatever is in them or in the data', () => {
    const all =
      '{{ alert.title }}\n{{ alert.explanation.observed }}: {{ alert.subject }}\n<!channel> *x* :fire:';
    const templates = Object.fromEntries(Object.keys(OURS).map((name) => [name, all]));
    for (const text of HOSTILE) {
      const alert = filledWith(text);
      for (const alerts of [[alert], [alert, { ...alert, id: 'f'.repeat(32) }]]) {
        const { message, failures } = worded(templates, messageOf(alerts, { labels: { subject: text } }));
        expect(failures).toEqual([]);
        const json = slackBody(message, undefined);
        expectDeadText({ json, path: '', headers: {}, body: '', at: 0 });
        const { html, text: mail, subject } = contentOf(message, undefined);
        const tags = [...html.matchAll(/<\/?([^\s>]*)/g)].map(([, tag]) => tag);
        expect(tags.filter((tag) => !TAGS.has(tag ?? ''))).toEqual([]);
        for (const shown of [html, mail, subject]) expect(shown).not.toMatch(/\bhttps?:|\bjavascript:/i);
      }
    }
  });

  it('read no more than the fields that they are given', () => {
    const read = (text: string) => compileTemplate(text)({ alert: alertOf(1), text: '{{ alert.id }}' });
    expect(read('{{ alert.constructor.name }}{{ alert.__proto__ }}{{ alert.title.constructor }}')).toBe('');
    expect(read('{{ text }}')).toBe('{{ alert.id }}');
    for (const tag of ['include', 'render', 'layout', 'block'])
      expect(templateProblems(`{% ${tag} "/etc/passwd" %}`)).toEqual([`line 1: tag "${tag}" not found`]);
  });

  it.each([
    '{% for i in (1..100000000) %}x{% endfor %}',
    '{% for i in (1..10000) %}{% for j in (1..10000) %}{% endfor %}{% endfor %}',
    '{% assign a = alert.title %}{% for i in (1..60) %}{% assign a = a | append: a %}{% endfor %}{{ a }}',
    '{{ alert.firstSeen | date: "%100000000d" }}',
  ])('are bounded in what they cost: %s', (text) => {
    expect(() => compileTemplate(text)({ alert: alertOf(1) })).toThrow(/^line 1: .*limit exceeded/);
  });

  it.each([
    ['{{ alert.titel }}', ['line 1: no such field: alert.titel; there are id, short']],
    [
      'a\n{{ alrt }}\n{{ message.sum }}',
      ['line 2: no such field: alrt; there are', 'line 3: no such field: message.sum'],
    ],
    ['a\n{{ alert.title | nofilter }}', ['line 2: undefined filter: nofilter']],
    ['{{ alert.title | sample }}', ['line 1: undefined filter: sample']],
    ['{% if alert.peer %}', ['line 1: tag {% if alert.peer %} not closed']],
    ['\n\n{{ alert', ['line 3: output "{{ alert" not closed']],
    [
      '{{ alert.explanation.whatever }}{% for s in alert.samples %}{{ s.srcaddr }}{{ forloop.index }}{% endfor %}',
      [],
    ],
  ])('are looked at beforehand: %j', (text, problems) => {
    const found = templateProblems(text);
    expect(found).toHaveLength(problems.length);
    for (const [i, problem] of problems.entries()) expect(found[i]).toContain(problem);
  });

  it('are refused with every problem at once, where there is nobody to read them too', () => {
    const slack = { type: 'slack', name: 's', urlFile: 'x' };
    const { error } = SinkOptions.safeParse({
      ...slack,
      templates: { title: '{{ a }}{{ b }}', next: '{% c %}', other: '' },
    });
    expect(error?.issues.map(({ path }) => path.join('.'))).toEqual([
      'templates.title',
      'templates.title',
      'templates.next',
      'templates',
    ]);
    expect(SinkOptions.safeParse({ type: 'file', name: 'f', path: 'x', templates: {} }).success).toBe(false);
  });

  it('that fail at work lose no page: ours is said, and it is counted and told once', () => {
    const title = '{% for i in (1..alert.count) %}{{ alert.title }}{% endfor %}';
    const world = createWorld({ templates: Templates.parse({ title }), route: { groupWait: 0 } });
    for (let i = 1; i <= 3; i++) world.put(alertOf(i, { count: i === 1 ? 1 : 1_000_000 }));
    world.pass(10);
    expect(world.sent.map((message) => headline(message))).toEqual([
      '10.0.1.1 tried 60 ports of 10.0.2.9 in vain',
      'High · 10.0.1.2 tried 60 ports of 10.0.2.9 in vain',
      'High · 10.0.1.3 tried 60 ports of 10.0.2.9 in vain',
    ]);
    expect(world.channel.view().templateFailures).toBe(2);
    expect(world.logged).toEqual(['warn a template fails: our own text stands in its place']);
  });
});
