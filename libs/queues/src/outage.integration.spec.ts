import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HubLogger } from '@hub/telemetry';
import { eventually } from '../../../test/support/eventually';
import { launcher } from '../../../test/support/launcher';
import { temporaryFolder } from '../../../test/support/temporary-folder';
import { JobConsumer } from './job.consumer';
import { JobProducer } from './job.producer';
import type { Work } from './queue-catalog';
import { RedisConnections } from './redis-connections';
import { RefreshScanScheduler } from './refresh-scan.scheduler';

interface RunningRedis {
  readonly pid: number | undefined;
  readonly ended: Promise<string>;
  becomesReady(): Promise<{ ready: boolean }>;
  stop(): Promise<void>;
}

const PROVIDER = 'notion';
const PASSWORD = 'redis-password';
/** Several releases of BullMQ never took a job again after an outage of this length (reliability reference §1). */
const OUTAGE_MS = 20_000;
const RESUMED_WITHIN_MS = 60_000;

const parent = temporaryFolder();
const logger = HubLogger.forApp('test', 'fatal');
const aWork = (): Work => ({ id: randomUUID(), orgId: randomUUID(), provider: PROVIDER, epoch: 1 });

/** A Redis of the test's own, which can be killed and comes back with its data. */
async function ownRedis() {
  const { drawPort } = await launcher<{ drawPort(): Promise<number> }>('ports');
  const { Guard } = await launcher<{ Guard: new () => { close(): Promise<void> } }>('guard');
  const { Child } = await launcher<{ Child: new (spec: object, around: object) => RunningRedis }>('child');
  const { prepareRedis, redisUrl } = await launcher<{
    prepareRedis(options: object): Promise<object>;
    redisUrl(at: { port: number; password: string }): string;
  }>('redis');
  const port = await drawPort();
  const guard = new Guard();
  const spec = await prepareRedis({
    folder: path.join(parent(), 'redis'),
    cacheFolder: path.join(process.cwd(), '.cache'),
    port,
    password: PASSWORD,
    lasting: true,
  });
  const start = async (): Promise<RunningRedis> => {
    const run = new Child(spec, { guard });
    expect(await run.becomesReady()).toEqual({ ready: true });
    return run;
  };
  return { url: redisUrl({ port, password: PASSWORD }), start, close: () => guard.close() };
}

it('after an outage of Redis consumers, producers and the clock of the scan go on by themselves', async () => {
  const redis = await ownRedis();
  const run = await redis.start();
  const config = { redisUrl: redis.url, redisPrefix: 'outage', refreshScanEveryMs: 1_000 };
  const connections = new RedisConnections(config, logger);
  const producer = new JobProducer(config, connections, logger);
  const consumer = new JobConsumer(config, connections, producer, logger);
  const scheduler = new RefreshScanScheduler(config, connections, logger);
  const taken: string[] = [];
  let scans = 0;
  try {
    await connections.known();
    consumer.start('refresh', [{ provider: PROVIDER, perSecond: 40 }], (work) => {
      taken.push(work.id);
      return Promise.resolve('done');
    });
    scheduler.start(() => Promise.resolve(void (scans += 1)));
    await eventually('a job and a scan before the outage', async () => {
      if (taken.length === 0) await producer.ring('refresh', aWork());
      return taken.length > 0 && scans > 0;
    });

    process.kill(run.pid ?? 0, 'SIGKILL');
    await run.ended;
    expect(await producer.ring('refresh', aWork())).toBe(false);
    await sleep(OUTAGE_MS);
    await redis.start();

    const [before, scansBefore] = [taken.length, scans];
    await eventually(
      'a job and scans after the outage',
      async () => {
        await scheduler.keepScheduled();
        if (taken.length === before) await producer.ring('refresh', aWork());
        return taken.length > before && scans > scansBefore + 1;
      },
      { withinMs: RESUMED_WITHIN_MS },
    );
  } finally {
    await Promise.all([consumer.drain(), scheduler.close()]);
    await producer.close();
    connections.close();
    await redis.close();
  }
}, 120_000);
