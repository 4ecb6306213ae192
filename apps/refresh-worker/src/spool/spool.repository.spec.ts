import { mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { anAnswer } from '../../testing/answers';
import { SpoolRepository } from './spool.repository';

let folder: string;
let spool: SpoolRepository;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'spool-'));
  spool = new SpoolRepository({ spoolDir: folder } as HubConfig, HubLogger.forApp('test', 'silent'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it('keeps an answer until it is removed', async () => {
  const answer = anAnswer();
  await spool.write(answer);
  expect(await spool.read()).toEqual([answer]);
  await spool.remove(answer);
  expect(readdirSync(folder)).toEqual([]);
});

it('finds an answer whose process died before it was renamed, and drops half a one', async () => {
  const answer = anAnswer();
  await spool.write(answer);
  const [name = ''] = readdirSync(folder);
  const nobody = 2 ** 22 + 1; // above every process id
  renameSync(path.join(folder, name), path.join(folder, `${name}.${nobody}.new`));
  writeFileSync(path.join(folder, `other.json.${nobody}.new`), '{"half');
  writeFileSync(path.join(folder, `alive.json.${process.ppid}.new`), '{"half');
  expect(await spool.read()).toEqual([answer]);
  expect(readdirSync(folder).sort()).toEqual([name, `alive.json.${process.ppid}.new`].sort());
});

it('leaves nothing behind of an answer that is removed while it is written', async () => {
  const answers = Array.from({ length: 20 }, () => anAnswer());
  const written = answers.map((answer) => spool.write(answer));
  await Promise.all(answers.map((answer) => spool.remove(answer)));
  await Promise.all(written);
  expect(readdirSync(folder)).toEqual([]);
});
