import { createReadStream } from 'node:fs';
import { appendFile, mkdir, open, readdir, rm } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import { formatAnswer, parseAnswer, type SpooledAnswer } from './spooled-answer';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const SUFFIX = '.jsonl';
const HOUR_MS = 3_600_000;
/** The end of each file, forty answers and more. Of all files, since their names are of this machine's clock, which may have run ahead. */
const TAIL_BYTES = 64 * 1024;

/**
 * Committed answers of the last while, a file for each hour. PostgreSQL has them all; they are for the day on which it is
 * set back to an earlier moment and has forgotten them. Nothing waits for the disk here.
 */
@Injectable()
export class JournalRepository {
  private writing: Promise<void> = Promise.resolve();
  private hour = '';
  private isTroubled = false;
  private isUnreadable = false;

  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly logger: HubLogger,
  ) {}

  /** Puts an answer down, in its order, without keeping anybody waiting. */
  note(answer: SpooledAnswer): void {
    if (this.config.spoolKeepMs === 0) return;
    this.writing = this.writing.then(() => this.write(answer));
  }

  /** Comes back once everything noted is written. */
  async written(): Promise<void> {
    await this.writing;
  }

  /** Some of the latest answers, in the order in which PostgreSQL's time says that they were asked for; none where the disk refuses, which is told. */
  latest(): Promise<SpooledAnswer[]> {
    return this.orNone(() => this.readLatest());
  }

  /** The newest answer of every integration; none where the disk refuses, which is told. */
  newest(): Promise<SpooledAnswer[]> {
    return this.orNone(async () => [...(await newestIn(await this.files())).values()]);
  }

  /** What cannot be read shows nothing that was forgotten, and is no reason to refresh nobody. */
  private async orNone(read: () => Promise<SpooledAnswer[]>): Promise<SpooledAnswer[]> {
    try {
      const answers = await read();
      this.isUnreadable = false;
      return answers;
    } catch (error) {
      if (!this.isUnreadable) this.logger.failure('hub.journal.unreadable', error);
      this.isUnreadable = true; // one record for each time that the disk refuses
      return [];
    }
  }

  private async readLatest(): Promise<SpooledAnswer[]> {
    const tails = await Promise.all((await this.files()).map(tailOf));
    return tails
      .flatMap((tail) => tail.split('\n'))
      .map(parseAnswer)
      .filter((answer) => answer !== undefined) // the first of each may have been cut by the tail
      .sort((one, other) => one.grant.issuedAt.getTime() - other.grant.issuedAt.getTime());
  }

  private async write(answer: SpooledAnswer): Promise<void> {
    const hour = new Date().toISOString().slice(0, 13);
    try {
      if (hour !== this.hour) await this.beginHour();
      this.hour = hour;
      await appendFile(path.join(this.folder, `${hour}${SUFFIX}`), `${formatAnswer(answer)}\n`, { mode: FILE_MODE });
      this.isTroubled = false;
    } catch (error) {
      if (!this.isTroubled) this.logger.failure('hub.journal.not_written', error);
      this.isTroubled = true; // one record for each time that the disk refuses
    }
  }

  /** Old hours go when a new one begins: counted, since this machine's clock may be wrong by days. */
  private async beginHour(): Promise<void> {
    await mkdir(this.folder, { recursive: true, mode: FOLDER_MODE });
    const kept = Math.ceil(this.config.spoolKeepMs / HOUR_MS);
    for (const file of (await this.files()).slice(0, -kept)) await rm(file, { force: true });
  }

  /** In the order of their hours. */
  private async files(): Promise<string[]> {
    const names = await readdir(this.folder).catch(ifMissing([]));
    return names
      .filter((name) => name.endsWith(SUFFIX))
      .sort()
      .map((name) => path.join(this.folder, name));
  }

  private get folder(): string {
    return path.join(this.config.spoolDir, 'journal');
  }
}

/** The newest answer of each integration; the last line of a file may have been cut by a crash. */
async function newestIn(files: readonly string[]): Promise<Map<string, SpooledAnswer>> {
  const newest = new Map<string, SpooledAnswer>();
  for (const file of files)
    for await (const line of createInterface({ input: createReadStream(file), crlfDelay: Infinity })) {
      const answer = parseAnswer(line);
      const known = answer && newest.get(answer.integrationId);
      if (answer && (!known || known.grant.issuedAt <= answer.grant.issuedAt)) newest.set(answer.integrationId, answer);
    }
  return newest;
}

/** Nothing of a file that has gone meanwhile, since a new hour began. */
async function tailOf(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(ifMissing(undefined));
  if (!handle) return '';
  try {
    const { size } = await handle.stat();
    const length = Math.min(size, TAIL_BYTES);
    const { buffer } = await handle.read(Buffer.alloc(length), 0, length, size - length);
    return buffer.toString('utf8');
  } finally {
    await handle.close();
  }
}

/** A file or folder that is not there holds nothing; one that cannot be read is a trouble to tell of. */
export function ifMissing<Nothing>(nothing: Nothing): (error: unknown) => Nothing {
  return (error) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return nothing;
    throw error;
  };
}
