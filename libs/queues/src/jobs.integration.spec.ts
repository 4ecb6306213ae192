import { randomBytes, randomUUID } from 'node:crypto';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import { HubLogger } from '@hub/telemetry';
import { Queue, type Job } from 'bullmq';
import { Redis } from 'ioredis';
import { eventually } from '../../../test/support/eventually';
import { TcpProxy } from '../../../test/prove/faults/tcp-proxy';
import { testServers } from '../../../test/support/test-servers';
import { JobConsumer } from './job.consumer';
import type { JobOutcome } from './job-outcome';
import { JobProducer } from './job.producer';
import { JOBS, queueName, type JobName, type Work } from './queue-catalog';
import { RedisConnections } from './redis-connections';
import { RefreshScanScheduler } from './refresh-scan.scheduler';

const PROVIDER = 'notion';
const MINUTE = 60_000;

const aWork = (different: Partial<Work> = {}): Work => ({
  id: randomUUID(),
  orgId: randomUUID(),
  provider: PROVIDER,
  epoch: 1,
  ...different,
});

/** The doorbell of one test, in a corner of Redis of its own. */
class Bell {
  readonly config = {
    redisUrl: testServers().redisUrl,
    redisPrefix: `test-${randomBytes(6).toString('hex')}`,
    refreshScanEveryMs: 200,
  };
  readonly records: string[] = [];
  readonly logger = HubLogger.forApp('test', 'info', { write: (line) => this.records.push(line) });
  readonly connections = new RedisConnections(this.config, this.logger);
  readonly producer = new JobProducer(this.config, this.connections, this.logger);
  private readonly consumers: JobConsumer[] = [];
  private readonly looks: Queue[] = [];

  /** Rings until the connection stands, as a gateway has long done. */
  async ready(): Promise<this> {
    await eventually('a connection to Redis', async () => {
      const ping = await this.queue('revocation').getJobCounts();
      return ping && this.producer.ring('revocation', aWork({ provider: 'warm' }));
    });
    return this;
  }

  queue(job: JobName): Queue {
    const queue = new Queue(queueName(job, PROVIDER), {
      connection: this.connections.forConsumer(),
      prefix: this.config.redisPrefix,
    });
    this.looks.push(queue);
    return queue;
  }

  consume(job: JobName, handle: (work: Work, attempt: number) => Promise<JobOutcome>): JobConsumer {
    const consumer = new JobConsumer(this.config, this.connections, this.producer, this.logger);
    consumer.start(job, [{ provider: PROVIDER, perSecond: 100 }], handle);
    this.consumers.push(consumer);
    return consumer;
  }

  jobs(job: JobName): Promise<Job[]> {
    return this.queue(job).getJobs(['waiting', 'delayed', 'active', 'completed', 'failed', 'prioritized']);
  }

  async end(): Promise<void> {
    await Promise.all(this.consumers.map((consumer) => consumer.drain()));
    await Promise.all(this.looks.map((queue) => queue.close()));
    await this.producer.close();
    this.connections.close();
    const redis = new Redis(this.config.redisUrl);
    const keys = await redis.keys(`${this.config.redisPrefix}:*`);
    if (keys.length > 0) await redis.del(...keys);
    redis.disconnect();
  }
}

describe('jobs', () => {
  let bell: Bell;
  beforeEach(async () => {
    bell = await new Bell().ready();
  });
  afterEach(() => bell.end());

  it('carry ids to whoever takes them, and leave nothing behind', async () => {
    const work = aWork();
    const taken: [Work, number][] = [];
    bell.consume('refresh', (item, attempt) => {
      taken.push([item, attempt]);
      return Promise.resolve('done');
    });
    expect(await bell.producer.ring('refresh', work)).toBe(true);
    await eventually('the job', async () => taken.length > 0 && (await bell.jobs('refresh')).length === 0);
    expect(taken).toEqual([[work, 1]]);
  });

  it('stand in their queue once, however often they are rung for', async () => {
    const work = aWork();
    await Promise.all(Array.from({ length: 20 }, () => bell.producer.schedule('refresh', work, MINUTE)));
    await bell.producer.schedule('refresh', work, 2 * MINUTE);
    const jobs = await bell.jobs('refresh');
    expect(jobs.map(({ id, delay }) => [id, delay])).toEqual([[`${work.id}-1`, MINUTE]]);
  });

  it('of two epochs stand beside each other', async () => {
    const work = aWork();
    await bell.producer.schedule('refresh', work, MINUTE);
    await bell.producer.schedule('refresh', { ...work, epoch: 2 }, MINUTE);
    expect(await bell.jobs('refresh')).toHaveLength(2);
  });

  it('that wait for their hour are pulled forward by a ring', async () => {
    const work = aWork();
    await bell.producer.schedule('refresh', work, 10 * MINUTE);
    expect((await bell.jobs('refresh'))[0]?.delay).toBe(10 * MINUTE);
    const taken: Work[] = [];
    bell.consume('refresh', (item) => {
      taken.push(item);
      return Promise.resolve('done');
    });
    expect(await bell.producer.ring('refresh', work)).toBe(true);
    await eventually('the job', () => Promise.resolve(taken.length > 0));
    expect(taken).toEqual([work]);
  });

  it('of a crowd are all rung for, whatever their kind', async () => {
    const crowd = Array.from({ length: 60 }, (_, place) => ({
      job: place % 2 === 0 ? ('sync' as const) : ('revocation' as const),
      work: aWork(),
    }));
    expect(await bell.producer.ringCrowd(crowd)).toBe(true);
    for (const kind of ['sync', 'revocation'] as const) {
      const wanted = crowd.filter(({ job }) => job === kind).map(({ work }) => work.id);
      expect((await bell.jobs(kind)).map(({ id }) => id).sort()).toEqual(wanted.sort());
    }
  });

  it('rung for by many at once while they wait run once', async () => {
    const work = aWork();
    await bell.producer.schedule('sync', work, 10 * MINUTE);
    let runs = 0;
    const consumer = bell.consume('sync', async () => {
      runs += 1;
      await new Promise((resolve) => setTimeout(resolve, 100));
      return 'done';
    });
    const rings = await Promise.all(Array.from({ length: 20 }, () => bell.producer.ring('sync', work)));
    expect(rings).not.toContain(false);
    await eventually('the end', async () => consumer.running === 0 && (await bell.jobs('sync')).length === 0);
    expect(runs).toBe(1);
  });

  it('many are rung for together: those that wait for their hour are pulled forward, those that run are told of', async () => {
    const [delayed, running, unknown] = [aWork(), aWork(), aWork()];
    await bell.producer.schedule('sync', delayed, 10 * MINUTE);
    const ends: (() => void)[] = [];
    const taken: string[] = [];
    bell.consume('sync', async ({ id }) => {
      taken.push(id);
      if (id === running.id) await new Promise<void>((resolve) => ends.push(resolve));
      return 'done';
    });
    await bell.producer.ring('sync', running);
    await eventually('the one that runs', () => Promise.resolve(ends.length === 1));
    const outcomes = await bell.producer.ringAll('sync', PROVIDER, [delayed, running, unknown]);
    expect(outcomes).toEqual(['rung', 'under_way', 'rung']);
    await eventually('the others', () => Promise.resolve(taken.length === 3));
    ends.forEach((end) => end());
    await eventually('the end', async () => (await bell.jobs('sync')).length === 0);
    expect(new Set(taken)).toEqual(new Set([running.id, delayed.id, unknown.id]));
    expect(taken).toHaveLength(3);
  });

  it('are told of as rung however soon somebody takes them', async () => {
    bell.consume('refresh', () => new Promise((resolve) => setTimeout(() => resolve('done'), 50)));
    for (let time = 0; time < 30; time += 1)
      expect(await bell.producer.ringAll('refresh', PROVIDER, [aWork(), aWork()])).toEqual(['rung', 'rung']);
  });

  it('can be rung for again once they are through', async () => {
    const work = aWork();
    let runs = 0;
    bell.consume('sync', () => {
      runs += 1;
      return Promise.resolve('done');
    });
    for (const wanted of [1, 2, 3]) {
      await bell.producer.ring('sync', work);
      await eventually(`run ${wanted}`, async () => runs === wanted && (await bell.jobs('sync')).length === 0);
    }
  });

  it('may come again after a while, which the handler names', async () => {
    const work = aWork();
    bell.consume('refresh', () => Promise.resolve({ againInMs: 5 * MINUTE }));
    await bell.producer.ring('refresh', work);
    const again = await eventually('the same job, later', async () => {
      const [job] = await bell.jobs('refresh');
      return job && (await job.isDelayed()) && job;
    });
    expect([again.id, again.delay]).toEqual([`${work.id}-1`, 5 * MINUTE]);
  });

  it('stay where they are for a while when a provider asks for patience, in every worker', async () => {
    const takenMs: number[] = [];
    const handle = (): Promise<JobOutcome> => {
      takenMs.push(performance.now());
      return Promise.resolve(takenMs.length === 1 ? { holdLaneMs: 1_000 } : 'done');
    };
    bell.consume('sync', handle);
    await bell.producer.ring('sync', aWork());
    await eventually('the first', () => Promise.resolve(takenMs.length === 1));
    bell.consume('sync', handle);
    await bell.producer.ring('sync', aWork());
    await eventually('the second', () => Promise.resolve(takenMs.length === 2));
    const [first = 0, second = 0] = takenMs;
    expect(second - first).toBeGreaterThan(900);
  });

  it('that come and go show that their lane moves', async () => {
    const consumer = bell.consume('refresh', () => Promise.resolve('done'));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(consumer.idleMs('refresh', PROVIDER)).toBeGreaterThan(250);
    expect(consumer.idleMs('refresh', 'of-another')).toBe(0);
    await bell.producer.ring('refresh', aWork());
    await eventually('a move', () => Promise.resolve(consumer.idleMs('refresh', PROVIDER) < 250));
  });

  it('that fail climb the ladder, 1, 2, 4, 8 minutes, and are gone after the last rung', async () => {
    const work = aWork();
    const attempts: number[] = [];
    bell.consume('sync', (_item, attempt) => {
      attempts.push(attempt);
      return Promise.resolve('try_again');
    });
    await bell.producer.ring('sync', work);
    for (const minutes of [1, 2, 4, 8]) {
      const job = await eventually(`the wait of ${minutes} min`, async () => {
        const [waiting] = await bell.jobs('sync');
        return waiting && (await waiting.isDelayed()) && waiting.delay === minutes * MINUTE && waiting;
      });
      expect(job.id).toBe(work.id);
      await bell.producer.ring('sync', work);
    }
    await eventually('the end', async () => attempts.length === 5 && (await bell.jobs('sync')).length === 0);
    expect(attempts).toEqual([1, 2, 3, 4, 5]);
  });

  it('that are given up do not come back', async () => {
    let runs = 0;
    bell.consume('sync', () => {
      runs += 1;
      return Promise.resolve('give_up');
    });
    await bell.producer.ring('sync', aWork());
    await eventually('the end', async () => runs === 1 && (await bell.jobs('sync')).length === 0);
  });

  it('whose handler throws are told of, tried again, and leave no free text in Redis', async () => {
    bell.consume('sync', () => Promise.reject(new Error('canary')));
    await bell.producer.ring('sync', aWork());
    const job = await eventually('the wait', async () => {
      const [waiting] = await bell.jobs('sync');
      // what was read before its failure was written down does not tell of it
      return waiting && (await waiting.isDelayed()) && waiting.failedReason !== undefined && waiting;
    });
    expect(job.failedReason).toBe('try again');
    expect(JSON.stringify([job.stacktrace, job.returnvalue])).not.toContain('canary');
    expect(bell.records.join()).toContain('worker.job_failed');
  });

  it('that are malformed reach nobody', async () => {
    let runs = 0;
    bell.consume('sync', () => {
      runs += 1;
      return Promise.resolve('done');
    });
    await bell
      .queue('sync')
      .add(JOBS.sync.queue, { ...aWork(), accessToken: 'canary' }, { attempts: 5, removeOnFail: true });
    await eventually('its end', async () => (await bell.jobs('sync')).length === 0);
    expect(runs).toBe(0);
  });

  it('that come again at once while their consumer drains are there for another', async () => {
    const work = aWork();
    let begin = (): void => undefined;
    let end = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const mayEnd = new Promise<void>((resolve) => (end = resolve));
    const consumer = bell.consume('refresh', async () => {
      begin();
      await mayEnd;
      return { againInMs: 0 };
    });
    await bell.producer.ring('refresh', work);
    await begun;
    const drained = consumer.drain();
    end();
    await drained;
    const taken: Work[] = [];
    bell.consume('refresh', (item) => {
      taken.push(item);
      return Promise.resolve('done');
    });
    await eventually('the job', () => Promise.resolve(taken.length > 0));
    expect(taken).toEqual([work]);
  });

  it('under way are finished by a drain, which takes no more', async () => {
    let finished = 0;
    const consumer = bell.consume('refresh', async () => {
      await new Promise((resolve) => setTimeout(resolve, 300));
      finished += 1;
      return 'done';
    });
    await bell.producer.ring('refresh', aWork());
    await eventually('the begin', () => Promise.resolve(consumer.running === 1));
    await consumer.drain();
    expect([finished, consumer.running]).toEqual([1, 0]);
    await bell.producer.ring('refresh', aWork());
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(finished).toBe(1);
    expect(await bell.jobs('refresh')).toHaveLength(1);
  });
});

describe('the clock of the scan', () => {
  it('runs it once for each interval, whatever the number of workers, and again after it was wiped', async () => {
    const bell = await new Bell().ready();
    const schedulers = [1, 2, 3].map(() => new RefreshScanScheduler(bell.config, bell.connections, bell.logger));
    let scans = 0;
    for (const scheduler of schedulers)
      scheduler.start(() => {
        scans += 1;
        return Promise.resolve();
      });
    try {
      const before = performance.now();
      await eventually('three scans', () => Promise.resolve(scans >= 3));
      expect(scans).toBeLessThanOrEqual((performance.now() - before) / bell.config.refreshScanEveryMs + 2);
      const redis = new Redis(bell.config.redisUrl);
      const keys = await redis.keys(`${bell.config.redisPrefix}:refresh-scan:*`);
      await redis.del(...keys);
      redis.disconnect();
      await schedulers[0]?.keepScheduled();
      const wiped = scans;
      await eventually('scans again', () => Promise.resolve(scans >= wiped + 2));
    } finally {
      await Promise.all(schedulers.map((scheduler) => scheduler.close()));
      await bell.end();
    }
  });
});

describe('a scan that fails', () => {
  it('is told of, leaves no free text in Redis, and the next one comes all the same', async () => {
    const bell = await new Bell().ready();
    const scheduler = new RefreshScanScheduler(bell.config, bell.connections, bell.logger);
    let scans = 0;
    scheduler.start(() => {
      scans += 1;
      return Promise.reject(new Error('canary of a row'));
    });
    try {
      await eventually('two scans', () => Promise.resolve(scans >= 2));
      await eventually('a record', () =>
        Promise.resolve(
          bell.records.some((line) => line.includes('"hub.scheduler.failed"') && line.includes('canary')),
        ),
      );
      const redis = new Redis(bell.config.redisUrl);
      const told = await redis.xrange(`${bell.config.redisPrefix}:refresh-scan:events`, '-', '+');
      redis.disconnect();
      expect(JSON.stringify(told)).toContain('failedReason');
      expect(JSON.stringify(told)).not.toContain('canary');
    } finally {
      await scheduler.close();
      await bell.end();
    }
  });
});

describe('without Redis', () => {
  const records: string[] = [];
  const logger = HubLogger.forApp('test', 'info', { write: (line) => records.push(line) });

  /** How long a ring took to be lost. */
  async function ringAt(
    redisUrl: string,
    rings: number,
  ): Promise<{ rung: boolean[]; tookMs: number; available: boolean }> {
    const connections = new RedisConnections({ redisUrl }, logger);
    const producer = new JobProducer({ redisPrefix: 'test' }, connections, logger);
    const before = performance.now();
    const rung: boolean[] = [];
    for (let ring = 0; ring < rings; ring += 1) rung.push(await producer.ring('refresh', aWork()));
    const tookMs = performance.now() - before;
    await eventually('the notice', () => Promise.resolve(!connections.available || rung.includes(true)), {
      withinMs: 2_000,
    }).catch(() => undefined);
    const { available } = connections;
    await producer.close();
    connections.close();
    return { rung, tookMs, available };
  }

  it('a ring is lost at once, and told without an end', async () => {
    const { rung, tookMs, available } = await ringAt('redis://127.0.0.1:1', 5);
    expect(rung).toEqual([false, false, false, false, false]);
    expect(tookMs).toBeLessThan(1_000);
    expect(available).toBe(false);
    expect(records.filter((record) => record.includes('redis.unavailable'))).toHaveLength(1);
    expect(records.some((record) => record.includes('queue.ring_lost'))).toBe(true);
  });

  it('a crowd is rung for until the first ring is lost, and no longer', async () => {
    const connections = new RedisConnections({ redisUrl: 'redis://127.0.0.1:1' }, logger);
    const lost: string[] = [];
    const counting = HubLogger.forApp('test', 'info', { write: (line) => lost.push(line) });
    const producer = new JobProducer({ redisPrefix: 'test' }, connections, counting);
    const crowd = Array.from({ length: 500 }, () => ({ job: 'sync' as const, work: aWork() }));
    expect(await producer.ringCrowd(crowd)).toBe(false);
    expect(lost.length).toBeGreaterThan(0);
    expect(lost.length).toBeLessThan(100);
    await producer.close();
    connections.close();
  });

  it('that answers nothing, a ring is lost soon', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { rung, tookMs } = await ringAt(`redis://127.0.0.1:${(silent.address() as AddressInfo).port}`, 20);
    expect(new Set(rung)).toEqual(new Set([false])); // and the later ones do not wait for it
    expect(tookMs).toBeLessThan(3_000);
    for (const socket of sockets) socket.destroy();
    silent.close();
  });

  it('that answers slowly, a ring waits for one answer', async () => {
    const { hostname, port } = new URL(testServers().redisUrl);
    const line = await TcpProxy.start({ host: hostname, port: Number(port) });
    const url = new URL(testServers().redisUrl);
    url.host = `127.0.0.1:${line.port}`;
    const connections = new RedisConnections({ redisUrl: url.href }, logger);
    const producer = new JobProducer({ redisPrefix: `slow-${randomUUID()}` }, connections, logger);
    await eventually('a connection', () => producer.ring('refresh', aWork()));
    line.become('open', { delayMs: 400 }); // on either way
    const before = performance.now();
    expect(await producer.ring('refresh', aWork())).toBe(true);
    expect(performance.now() - before).toBeLessThan(1_500);
    await producer.close();
    connections.close();
    await line.stop();
  });

  it('a consumer drains all the same', async () => {
    const connections = new RedisConnections({ redisUrl: 'redis://127.0.0.1:1' }, logger);
    const producer = new JobProducer({ redisPrefix: 'test' }, connections, logger);
    const consumer = new JobConsumer({ redisPrefix: 'test' }, connections, producer, logger);
    consumer.start('refresh', [{ provider: PROVIDER }], () => Promise.resolve('done'));
    const before = performance.now();
    await consumer.drain();
    expect(performance.now() - before).toBeLessThan(10_000);
    connections.close();
  });
});
