import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

interface RunningProcess {
  readonly pid: number;
  readonly parent: number;
  readonly rssKb: number;
  readonly command: string;
}

/** Whose memory is told, and how its process is known among our children. */
const NAMES = {
  gateway: /dist\/apps\/gateway\//,
  'refresh-worker': /dist\/apps\/refresh-worker\//,
  'metadata-sync-worker': /dist\/apps\/metadata-sync-worker\//,
  'delivery-worker': /dist\/apps\/delivery-worker\//,
  sandbox: /dist\/apps\/sandbox\//,
  floor: /bench\/floor\.js/,
  postgres: /postgres(?:\.exe)? -D /,
  redis: /redis-server|valkey/,
} as const;

export type MemoryName = keyof typeof NAMES;
export type Memory = Readonly<Record<MemoryName, number>>;

/** Megabytes of every process that this one has started, those of a server and its children together. */
export async function memoryNow(): Promise<Memory> {
  const all = await processes();
  const own = all.filter((one) => one.parent === process.pid);
  const megabytes = (name: MemoryName): number => {
    const roots = own.filter((one) => NAMES[name].test(one.command));
    const family = all.filter((one) => roots.some(({ pid }) => one.pid === pid || one.parent === pid));
    return family.reduce((sum, one) => sum + ownKb(one, family.length > 1), 0) / 1_024;
  };
  return Object.fromEntries(Object.keys(NAMES).map((name) => [name, megabytes(name as MemoryName)])) as Record<
    MemoryName,
    number
  >;
}

/** Of a family of processes, memory that they share counts once where the system can tell (Linux); else it counts for each. */
function ownKb({ pid, rssKb }: RunningProcess, isOneOfMany: boolean): number {
  if (!isOneOfMany) return rssKb;
  try {
    return Number(/^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? rssKb);
  } catch {
    return rssKb;
  }
}

async function processes(): Promise<RunningProcess[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,rss=,args='], { maxBuffer: 16_777_216 });
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, rss, command] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined
      ? []
      : [{ pid: Number(pid), parent: Number(parent), rssKb: Number(rss), command: command ?? '' }];
  });
}
