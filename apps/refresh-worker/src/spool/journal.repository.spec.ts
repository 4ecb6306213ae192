import { mkdirSync, mkdtempSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { anAnswer } from '../../testing/answers';
import { JournalRepository } from './journal.repository';

let folder: string;
let journal: JournalRepository;
let records: Record<string, unknown>[];
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'journal-'));
  records = [];
  const logger = HubLogger.forApp('test', 'info', {
    write: (line) => records.push(JSON.parse(line) as Record<string, unknown>),
  });
  journal = new JournalRepository({ spoolDir: folder, spoolKeepMs: 3_600_000 } as HubConfig, logger);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const told = () => records.map((record) => record['event.name']);

it('that cannot be read is told of once, taken for empty, and read again once it can be', async () => {
  const answer = anAnswer();
  journal.note(answer);
  await journal.written();
  const inItsWay = path.join(folder, 'journal', '9999-12-31T23.jsonl');
  mkdirSync(inItsWay);
  expect(await journal.latest()).toEqual([]);
  expect(await journal.newest()).toEqual([]);
  expect(told()).toEqual(['hub.journal.unreadable']);
  rmdirSync(inItsWay);
  expect(await journal.latest()).toEqual([answer]);
  expect(await journal.newest()).toEqual([answer]);
});
