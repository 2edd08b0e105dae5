import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { BacktestReport } from '../../src/cli/backtest-report.ts';
import { chartLines, chartOf, chartSvg } from '../../src/cli/bar-chart.ts';
import { flowsentry, scanLog, temporaryFolder } from './run.ts';

const folder = temporaryFolder();
const data = join(folder, 'data');
const backtest = (...args: string[]) =>
  flowsentry(['backtest', '--data', data, '--detector', 'port-scan', ...args]);

beforeAll(async () => {
  const log = join(folder, 'scan.log');
  writeFileSync(log, scanLog());
  await flowsentry(['replay', log, '--data', data]);
});

describe('flowsentry backtest', () => {
  it('prints alerts a day, subjects and what changes', async () => {
    const { code, stdout } = await backtest();
    expect(code).toBe(0);
    expect(stdout).toMatch(/port-scan from 2026-01-05 00:00 to .*60 records/);
    expect(stdout).toMatch(/10\.0\.1\.5 +1/);
    expect(stdout).toContain('compared with the stored alerts: 1 the same, 0 appear, 0 vanish');
  });

  it('ends with 3 when a day has more alerts than it may', async () => {
    expect(await backtest('--max-alerts-per-day', '0', '--json')).toMatchObject({ code: 3 });
    expect(await backtest('--max-alerts-per-day', '1', '--json')).toMatchObject({ code: 0 });
  });

  it('tries parameters beside those of the configuration, and draws them', async () => {
    const chart = join(folder, 'chart.svg');
    const { code, stdout } = await backtest('--set', 'internal.ports=100', '--json', '--chart', chart);
    const report = JSON.parse(stdout) as BacktestReport;

    expect(code).toBe(0);
    expect(report).toMatchObject({ alerts: 0, comparedWith: 'running parameters', appear: [] });
    expect(report.vanish).toMatchObject([{ subject: '10.0.1.5', stored: true }]);
    expect(readFileSync(chart, 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s);
  });

  it.each([
    [['--set', 'internal.ports'], /write name=value/],
    [['--set', 'internal.ports=many'], /detectors\.port-scan\.internal\.ports/],
    [['--set', 'nonsense=1'], /as given {2}detectors\.port-scan\.nonsense: unknown setting/],
    [['--detector', 'nonsense'], /there are bad-ip, beacon/],
    [['--chart', 'chart.png'], /give FILE\.svg/],
    [['--from', 'yesterday'], /ISO 8601/],
    [['--warm-up', 'long'], /length of time/],
  ])('ends with 2 for %j', async (args, message) => {
    const { code, stderr } = await backtest(...args);
    expect({ code }).toEqual({ code: 2 });
    expect(stderr).toMatch(message);
  });

  it('writes nothing but the chart', async () => {
    const before = readFileSync(join(data, 'manifest.json'), 'utf8');
    await backtest();
    expect(readFileSync(join(data, 'manifest.json'), 'utf8')).toBe(before);
    expect(existsSync(join(data, 'feeds'))).toBe(false);
  });
});

describe('a chart', () => {
  const DAY = 86_400;
  const start = 1_767_225_600;
  const times = [start, start + 10, start + 2 * DAY + 5];

  it('counts by hour, day or week as the span asks for', () => {
    const sizes = [1, 30, 200].map(
      (days) => chartOf('x', start, start + days * DAY, [{ name: 'a', times: [] }]).size,
    );
    expect(sizes).toEqual([3600, DAY, 7 * DAY]);
  });

  it('has a line with a bar for each day', () => {
    const lines = chartLines(chartOf('x', start, start + 3 * DAY, [{ name: 'a', times }]));
    expect(lines.map((line) => line.replace(/ +/g, ' '))).toEqual([
      `2026-01-01 ${'█'.repeat(40)} 2`,
      '2026-01-02 0',
      `2026-01-03 ${'█'.repeat(20)} 1`,
    ]);
  });

  it('is well-formed SVG whatever its title says', () => {
    const svg = chartSvg(chartOf('<script>&"', start, start + 3 * DAY, [{ name: '<b>', times }]), 5);
    expect(svg).not.toContain('<script>');
    expect(svg).toContain('&lt;script&gt;&amp;&quot;');
    expect(svg.match(/<rect [^>]*><title>/g)).toHaveLength(2);
    expect(svg).toContain('at most 5');
    for (const [, tag] of svg.matchAll(/<(\w+)(?:\s[^>]*)?(?<!\/)>/g)) expect(svg).toContain(`</${tag}>`);
  });

  it('has no label that its edge cuts off', () => {
    const svg = chartSvg(chartOf('hours', start, start + 29 * 3600, [{ name: 'alerts', times }]));
    const places = [...svg.matchAll(/<text x="([\d.]+)" y="288"/g)].map(([, x]) => Number(x));
    expect(places.length).toBeGreaterThan(5);
    // Sixteen characters of twelve pixels take some hundred.
    expect(Math.max(...places)).toBeLessThanOrEqual(960 - 100);
  });
});
