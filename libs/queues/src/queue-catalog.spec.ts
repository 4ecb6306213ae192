import { randomUUID } from 'node:crypto';
import fc from 'fast-check';
import { JOBS, jobOptions, ladderBackoff, queueName, type JobName, type Work } from './queue-catalog';

const names = Object.keys(JOBS) as JobName[];
const aWork = (different: Partial<Work> = {}): Work => ({
  id: randomUUID(),
  orgId: randomUUID(),
  provider: 'notion',
  epoch: 3,
  ...different,
});

describe('the data of a job', () => {
  const accepts = (data: unknown): boolean => JOBS.refresh.schema.safeParse(data).success;

  it('is ids, a provider and an epoch', () => {
    expect(accepts(aWork())).toBe(true);
  });

  it('takes any org that a caller may be, whatever the version of its UUID', () => {
    expect(accepts(aWork({ orgId: '11111111-1111-1111-1111-111111111111' }))).toBe(true);
  });

  it.each([
    ['a token beside them', { ...aWork(), accessToken: 'secret' }],
    ['an id that is none', { ...aWork(), id: 'x' }],
    ['a negative epoch', { ...aWork(), epoch: -1 }],
    ['half an epoch', { ...aWork(), epoch: 0.5 }],
    ['an epoch as text', { ...aWork(), epoch: '3' }],
    ['no org', { ...aWork(), orgId: undefined }],
    ['nothing', undefined],
  ])('is refused with %s', (_what, data) => {
    expect(accepts(data)).toBe(false);
  });
});

describe('a job’s id', () => {
  it('is legal for BullMQ: no colon, not all digits', () => {
    fc.assert(
      fc.property(fc.constantFrom(...names), fc.uuid(), fc.nat(), (job, id, epoch) => {
        const jobId = JOBS[job].jobId(aWork({ id, epoch }));
        expect(jobId).not.toContain(':');
        expect(jobId).not.toMatch(/^\d*$/);
      }),
    );
  });

  it.each(['refresh', 'delivery'] as const)(
    'of a %s is another one for each epoch, so that a new claim is never swallowed by an old job',
    (job) => {
      const id = randomUUID();
      expect(JOBS[job].jobId(aWork({ id, epoch: 3 }))).not.toBe(JOBS[job].jobId(aWork({ id, epoch: 4 })));
    },
  );

  it.each(['sync', 'revocation'] as const)('of a %s stays the same, so that it stands in its queue once', (job) => {
    const id = randomUUID();
    expect(JOBS[job].jobId(aWork({ id, epoch: 3 }))).toBe(JOBS[job].jobId(aWork({ id, epoch: 4 })));
  });
});

describe('queues', () => {
  it('are one for each kind of job and provider', () => {
    const all = names.flatMap((job) => ['notion', 'shopify'].map((provider) => queueName(job, provider)));
    expect(all).toEqual([
      'token-refresh-notion',
      'token-refresh-shopify',
      'metadata-sync-notion',
      'metadata-sync-shopify',
      'revocation-notion',
      'revocation-shopify',
      'delivery-notion',
      'delivery-shopify',
    ]);
    expect(all.join()).not.toContain(':');
  });
});

describe('a job', () => {
  it.each(names)('%s leaves nothing behind when it ends: an id that stays would swallow the next', (job) => {
    expect(jobOptions(job, aWork(), 5)).toMatchObject({ removeOnComplete: true, removeOnFail: true, delay: 5 });
  });

  it.each(['refresh', 'delivery'] as const)('of a %s is tried once: its ladder stands in the row', (job) => {
    expect(jobOptions(job, aWork(), 0)).toMatchObject({ attempts: 1 });
    expect(jobOptions(job, aWork(), 0)).not.toHaveProperty('backoff');
  });

  it.each(['sync', 'revocation'] as const)('of a %s climbs the four rungs of the ladder', (job) => {
    expect(jobOptions(job, aWork(), 0)).toMatchObject({ attempts: 5, backoff: { type: 'ladder' } });
    expect([1, 2, 3, 4].map((attempt) => ladderBackoff(attempt))).toEqual([60_000, 120_000, 240_000, 480_000]);
  });
});
