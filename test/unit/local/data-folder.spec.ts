import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { launcher } from '../../support/launcher';
import { temporaryFolder } from '../../support/temporary-folder';

type Holder = { pid: number; identity: string };
interface Lock {
  tryLock(file: string): { release: () => void } | { heldBy: Holder };
  withLock<T>(file: string, task: () => Promise<T>): Promise<T>;
}
interface Identity {
  identityOf(pid: number): string | undefined;
}
interface Settings {
  keptSettings(dataDir: string): Promise<Record<string, unknown>>;
}

const folder = temporaryFolder();
let lock: Lock;
let identityOf: Identity['identityOf'];
let keptSettings: Settings['keptSettings'];
beforeAll(async () => {
  lock = await launcher('lock');
  ({ identityOf } = await launcher<Identity>('process-identity'));
  ({ keptSettings } = await launcher<Settings>('settings'));
});

describe('a lock', () => {
  const heldBy = (holder: Holder) => {
    const file = path.join(folder(), `lock-${Math.random()}`);
    fs.writeFileSync(file, JSON.stringify(holder));
    return file;
  };

  it('is held once, and named with its holder', () => {
    const file = path.join(folder(), 'lock');
    const mine = lock.tryLock(file);
    expect(lock.tryLock(file)).toEqual({ heldBy: { pid: process.pid, identity: identityOf(process.pid) } });
    if ('release' in mine) mine.release();
    expect(lock.tryLock(file)).toHaveProperty('release');
  });

  it('is taken over from a process that has ended', () => {
    const { pid } = spawnSync(process.execPath, ['--version']);
    expect(lock.tryLock(heldBy({ pid, identity: 'whatever it was' }))).toHaveProperty('release');
  });

  it('is taken over when another process has got the number of the one that held it', () => {
    expect(lock.tryLock(heldBy({ pid: process.pid, identity: 'an earlier boot:1' }))).toHaveProperty('release');
  });

  it('is taken over when a full disk has cut it short', () => {
    const file = path.join(folder(), 'short');
    fs.writeFileSync(file, '{"pi');
    expect(lock.tryLock(file)).toHaveProperty('release');
  });

  it('lets one task run at a time', async () => {
    const file = path.join(folder(), 'tasks');
    const seen: string[] = [];
    const task = (name: string) => async () => {
      seen.push(`${name} begins`);
      await new Promise((resolve) => setTimeout(resolve, 20));
      seen.push(`${name} ends`);
    };
    await Promise.all([lock.withLock(file, task('a')), lock.withLock(file, task('b'))]);
    expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
  });
});

describe('settings', () => {
  it('are made once, each its own, and readable by their owner alone', async () => {
    const dataDir = path.join(folder(), 'data');
    const made = await keptSettings(dataDir);
    expect(await keptSettings(dataDir)).toEqual(made);
    expect(fs.statSync(path.join(dataDir, 'settings.json')).mode & 0o777).toBe(0o600);
    expect(Buffer.from(made.AUTH_JWT_SECRET as string, 'base64url').length).toBeGreaterThanOrEqual(32);
    expect(Buffer.from((made.TOKEN_KEYS as string).replace('local1:', ''), 'base64')).toHaveLength(32);
    expect(await keptSettings(path.join(folder(), 'other'))).not.toEqual(made);
  });

  it('are the same for all who ask at the same moment', async () => {
    const dataDir = path.join(folder(), 'shared');
    const [first, ...others] = await Promise.all([1, 2, 3].map(() => keptSettings(dataDir)));
    for (const other of others) expect(other).toEqual(first);
  });

  it('that cannot be read are named', async () => {
    const dataDir = path.join(folder(), 'broken');
    fs.mkdirSync(dataDir);
    fs.writeFileSync(path.join(dataDir, 'settings.json'), '{');
    await expect(keptSettings(dataDir)).rejects.toThrow(/settings\.json is not valid JSON: mend it/);
  });
});
