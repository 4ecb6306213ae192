import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import type { Scenario } from '../../prove/scenario';
import { SCENARIOS } from '../../prove/scenarios';

const PROVE = path.join(__dirname, '../../prove');

/** All scenarios that the files of a folder offer. */
async function offered(): Promise<Scenario[]> {
  const files = readdirSync(path.join(PROVE, 'scenarios')).filter((file) => file !== 'index.ts');
  const modules = await Promise.all(
    files.map((file) => import(path.join(PROVE, 'scenarios', file)) as Promise<Record<string, unknown>>),
  );
  return modules.flatMap((module) => Object.values(module)).flatMap((value) => (isScenarios(value) ? value : []));
}

function isScenarios(value: unknown): value is Scenario[] {
  return Array.isArray(value) && value.every((one) => typeof (one as Partial<Scenario>).run === 'function');
}

describe('the scenarios', () => {
  const names = SCENARIOS.map(({ name }) => name);

  it('run all that are written', async () => {
    expect([...names].sort()).toEqual((await offered()).map(({ name }) => name).sort());
  });

  it('run each that the README describes', () => {
    const readme = readFileSync(path.join(PROVE, 'README.md'), 'utf8');
    const [, table = ''] = readme.split('| Scenario');
    const described = [...table.matchAll(/^\| (`.+?`) +\|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z0-9-]+)(\*?)`/g)].map(([, name = '', star]) => ({ name, isFamily: star === '*' })),
    );
    expect(described.length).toBeGreaterThan(20);
    const missing = described.filter(
      ({ name, isFamily }) => !names.some((known) => (isFamily ? known.startsWith(name) : known === name)),
    );
    expect(missing).toEqual([]);
  });
});
