import { mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import path from 'node:path';
import { HUB_CONFIG, type HubConfig } from '@hub/config';
import { HubLogger } from '@hub/telemetry';
import { Inject, Injectable } from '@nestjs/common';
import { ifMissing } from './journal.repository';
import { answerName, formatAnswer, parseAnswer, type SpooledAnswer } from './spooled-answer';

const FOLDER_MODE = 0o700;
const FILE_MODE = 0o600;
const SUFFIX = '.json';
/** As `writeDurably` names a draft. */
const DRAFT = /^(?<file>.*\.json)\.(?<pid>\d+)\.new$/;

/** A folder of sealed answers that PostgreSQL could not take: a file each, whole or not there at all. */
@Injectable()
export class SpoolRepository {
  private readonly writing = new Map<string, Promise<void>>();

  constructor(
    @Inject(HUB_CONFIG) private readonly config: HubConfig,
    private readonly logger: HubLogger,
  ) {}

  /** Writes an answer to the disk itself. A disk that refuses is told of, and the answer lives on in memory. */
  write(answer: SpooledAnswer): Promise<void> {
    const name = answerName(answer);
    const written = this.writeFile(answer).finally(() => this.writing.delete(name));
    this.writing.set(name, written);
    return written;
  }

  /** Every answer in the folder. A file that is none is told of and left where it is. */
  async read(): Promise<SpooledAnswer[]> {
    await this.keepDrafts();
    const names = await readdir(this.config.spoolDir).catch(ifMissing([]));
    const answers = await Promise.all(names.filter((name) => name.endsWith(SUFFIX)).map((name) => this.readFile(name)));
    return answers.filter((answer) => answer !== undefined);
  }

  /**
   * Removes an answer for good: one that is just being written is waited for, or it would come after. What a disk refuses
   * to let go is told of, and committed once more at the next start, without harm.
   */
  async remove(answer: SpooledAnswer): Promise<void> {
    await this.writing.get(answerName(answer));
    try {
      await rm(this.fileOf(answer), { force: true });
    } catch (error) {
      this.logger.failure('hub.spool.not_removed', error, { integration: answer.integrationId, epoch: answer.epoch });
    }
  }

  /** Drafts of a process that ended before their renaming: whole ones are answers, of the others nothing can be known. */
  private async keepDrafts(): Promise<void> {
    const folder = this.config.spoolDir;
    for (const name of await readdir(folder).catch(ifMissing([]))) {
      const { file, pid } = DRAFT.exec(name)?.groups ?? {};
      if (file === undefined || this.isBeingWritten(Number(pid))) continue;
      const draft = path.join(folder, name);
      const isWhole = parseAnswer(await readFile(draft, 'utf8').catch(() => '')) !== undefined;
      if (isWhole) await rename(draft, path.join(folder, file));
      else await rm(draft, { force: true });
      this.logger.warning(isWhole ? 'hub.spool.draft_kept' : 'hub.spool.draft_dropped', { file: name });
    }
  }

  /** By a process that lives, perhaps another worker on the same folder. In a container each start has the same id. */
  private isBeingWritten(pid: number): boolean {
    return pid === process.pid ? this.writing.size > 0 : isAlive(pid);
  }

  private async writeFile(answer: SpooledAnswer): Promise<void> {
    try {
      await mkdir(this.config.spoolDir, { recursive: true, mode: FOLDER_MODE });
      await writeDurably(this.fileOf(answer), formatAnswer(answer));
    } catch (error) {
      this.logger.failure('hub.spool.not_written', error, { integration: answer.integrationId, epoch: answer.epoch });
    }
  }

  private async readFile(name: string): Promise<SpooledAnswer | undefined> {
    const text = await readFile(path.join(this.config.spoolDir, name), 'utf8').catch(() => '');
    const answer = parseAnswer(text);
    if (!answer) this.logger.warning('hub.spool.unreadable', { file: name });
    return answer;
  }

  private fileOf(answer: SpooledAnswer): string {
    return path.join(this.config.spoolDir, `${answerName(answer)}${SUFFIX}`);
  }
}

/** Whether a process of this id runs here. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Under another name first, so that a file is never seen half written; the folder is synced too, since it holds the name. */
async function writeDurably(file: string, text: string): Promise<void> {
  const draft = `${file}.${process.pid}.new`;
  const handle = await open(draft, 'w', FILE_MODE);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, file);
  const folder = await open(path.dirname(file), 'r');
  await folder.sync().finally(() => folder.close());
}
