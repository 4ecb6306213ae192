import { mkdirSync, mkdtempSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { anAnswer } from '../../testing/answers';
import { JournalRepository } from './journal.repository';
import { formatAnswer, type SpooledAnswer } from './spooled-answer';

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

it('tells the latest answers of all hours by the time at PostgreSQL, whatever this machine called the hours', async () => {
  const [early, middle, late] = [1, 2, 3].map((minute) => askedAt(`2026-05-01T12:0${minute}:00.000Z`)) as [
    SpooledAnswer,
    SpooledAnswer,
    SpooledAnswer,
  ];
  mkdirSync(path.join(folder, 'journal'));
  // the last hour has just begun, and the one behind it is of a clock that ran ahead
  put('2026-05-01T11', [middle]);
  put('2026-05-01T12', [late]);
  put('2026-05-03T09', [early]);
  expect(await journal.latest()).toEqual([early, middle, late]);
});

function askedAt(time: string): SpooledAnswer {
  const answer = anAnswer();
  return { ...answer, grant: { ...answer.grant, issuedAt: new Date(time) } };
}

function put(hour: string, answers: readonly SpooledAnswer[]): void {
  writeFileSync(path.join(folder, 'journal', `${hour}.jsonl`), answers.map((one) => `${formatAnswer(one)}\n`).join(''));
}
