import { createRequire } from 'node:module';
import path from 'node:path';
import type { AppLogin } from '@hub/database';

/** The checkout. Compiled tools lie elsewhere, so it is not taken from this file's place. */
export const ROOT = process.cwd();

/** How a server or an app is run; see deploy/local/child.mjs. */
export interface ServerSpec {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly beforeStart?: () => void | Promise<void>;
}

/** One run of a server. */
export interface RunningServer {
  readonly pid: number | undefined;
  readonly tail: readonly string[];
  readonly ended: Promise<string>;
  readonly hasEnded: boolean;
  becomesReady(): Promise<{ ready: boolean }>;
  stop(): Promise<void>;
}

/** Sees to it that no server outlives this process, however it ends. */
export interface ServerGuard {
  removeAtEnd(folder: string): void;
  close(): Promise<void>;
}

export interface Login {
  readonly user: string;
  readonly password: string;
}

interface Launchers {
  readonly Guard: new () => ServerGuard;
  readonly Child: new (
    spec: ServerSpec,
    around: { guard: ServerGuard; onLine?: (line: string) => void },
  ) => RunningServer;
  readonly drawPort: () => Promise<number>;
  readonly placeForPostgres: (folder: string) => string;
  readonly preparePostgres: (options: {
    folder: string;
    port: number;
    password: string;
    lasting: boolean;
    settings: Record<string, string | number>;
  }) => Promise<ServerSpec>;
  readonly adminUrl: (at: { port: number; password: string; database: string }) => string;
  readonly prepareRedis: (options: {
    folder: string;
    cacheFolder: string;
    port: number;
    password: string;
    lasting: boolean;
    mode?: string;
  }) => Promise<ServerSpec & { readonly label: string; readonly keepsData: boolean }>;
  readonly redisUrl: (at: { port: number; password: string }) => string;
  readonly provision: (options: { adminUrl: string; logins: Record<AppLogin, Login> }) => Promise<string>;
}

const FILES = ['guard', 'child', 'ports', 'server-place', 'postgres', 'redis', 'provision'];

/** What `npm start` and the tests start their servers with. They are plain modules, which compiled tools load by path. */
export function launchers(): Launchers {
  const load = createRequire(path.join(ROOT, 'package.json'));
  const modules = FILES.map((file) => load(path.join(ROOT, 'deploy/local', `${file}.mjs`)) as object);
  return Object.assign({}, ...modules) as Launchers;
}
