import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { KEPT_BYTES, MOST_BYTES, takeBody, type ProxyBody } from './proxy-body';

function of(...sizes: readonly number[]): Readable {
  return Readable.from(sizes.map((size) => Buffer.alloc(size, 'x')));
}

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** What is held, in bytes. */
function memory(): number {
  collect();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

const { signal } = new AbortController();

describe('a body', () => {
  it('that is none is none', async () => {
    expect(await takeBody(undefined, {}, signal)).toEqual({ kind: 'none' });
    expect(await takeBody(of(), { 'content-length': '0' }, signal)).toEqual({ kind: 'none' });
    expect(await takeBody(of(), {}, signal)).toEqual({ kind: 'none' });
  });

  it('is kept while it is small and says so', async () => {
    const body = await takeBody(of(10, 20), { 'content-length': '30' }, signal);
    expect(body).toEqual({ kind: 'kept', bytes: Buffer.alloc(30, 'x') });
  });

  it.each([
    ['long', { 'content-length': String(KEPT_BYTES + 1) }],
    ['of unknown length', { 'transfer-encoding': 'chunked' }],
  ])('that is %s is passed on', async (_what, headers) => {
    const body = await takeBody(of(KEPT_BYTES, 1), headers, signal);
    if (body.kind !== 'passing') throw new Error(body.kind);
    expect((await buffer(body.stream)).length).toBe(KEPT_BYTES + 1);
    expect(body.whole()).toBeUndefined();
    expect(body.fault()).toBeUndefined();
  });

  it('of unknown length that turns out to be short can be had once more, once it has come', async () => {
    const source = new PassThrough();
    const body = await takeBody(source, { 'transfer-encoding': 'chunked' }, signal);
    if (body.kind !== 'passing') throw new Error(body.kind);
    source.write('half');
    const read = buffer(body.stream);
    await sleep(20);
    expect(body.whole()).toBeUndefined();
    source.end('whole');
    expect(await read).toEqual(Buffer.from('halfwhole'));
    expect(body.whole()).toEqual(Buffer.from('halfwhole'));
  });

  it('that says that it is too long is refused', async () => {
    const asked = takeBody(of(), { 'content-length': String(MOST_BYTES + 1) }, signal);
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 413 });
  });

  it('that turns out to be too long ends', async () => {
    const body = await takeBody(of(MOST_BYTES, 1), { 'transfer-encoding': 'chunked' }, signal);
    if (body.kind !== 'passing') throw new Error(body.kind);
    await expect(buffer(body.stream)).rejects.toThrow('too large');
    expect(body.fault()).toMatchObject({ code: 'invalid_request', status: 413 });
  });

  it.each([
    ['short', { 'content-length': '30' }],
    ['long', { 'content-length': String(KEPT_BYTES + 1) }],
  ])('that is %s and stops arriving is waited for no longer than it may be', async (_length, headers) => {
    const source = new PassThrough();
    source.write('half');
    const late = { code: 'invalid_request', status: 408 };
    const read = async (): Promise<void> => {
      const body = await takeBody(source, headers, signal, 100);
      if (body.kind !== 'passing') throw new Error(body.kind);
      await buffer(body.stream).catch(() => Promise.reject(body.fault() ?? new Error('no fault')));
    };
    await expect(read()).rejects.toMatchObject(late);
  });

  it('that is short and breaks is told as such', async () => {
    const source = new PassThrough();
    source.write('half');
    const asked = takeBody(source, { 'content-length': '30' }, signal);
    source.destroy();
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 400 });
  });

  it('whose caller has left already is none', async () => {
    const source = new PassThrough();
    source.destroy();
    await once(source, 'close');
    const asked = takeBody(source, { 'content-length': '30' }, signal);
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 400 });
  });

  it('that nobody takes is not the caller’s fault', async () => {
    const source = new PassThrough();
    const sent = KEPT_BYTES * 2;
    source.end(Buffer.alloc(sent));
    const body = await takeBody(source, { 'content-length': String(sent) }, signal, 50);
    if (body.kind !== 'passing') throw new Error(body.kind);
    await sleep(300);
    expect((await buffer(body.stream)).length).toBe(sent);
    expect(body.fault()).toBeUndefined();
  });

  it('that is short and drips is waited for no longer than its call may last', async () => {
    const source = new PassThrough();
    const drip = setInterval(() => source.write('x'), 5);
    const end = new AbortController();
    const asked = takeBody(source, { 'content-length': String(KEPT_BYTES) }, end.signal);
    await once(source, 'data');
    end.abort();
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 408 });
    clearInterval(drip);
  });

  it('of a call that is over already is not waited for', async () => {
    const asked = takeBody(new PassThrough(), { 'content-length': '30' }, AbortSignal.abort());
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 408 });
  });

  it.each([
    ['kept', { 'content-length': String(KEPT_BYTES) }],
    ['of unknown length', { 'transfer-encoding': 'chunked' }],
  ])('that is %s and comes byte by byte takes hardly more memory than its bytes', async (_what, headers) => {
    const pieces = function* (): Generator<Buffer> {
      for (let at = 0; at < KEPT_BYTES; at += 1) yield Buffer.from([at % 251]);
    };
    const held = async (): Promise<ProxyBody> => {
      const body = await takeBody(Readable.from(pieces()), headers, signal);
      if (body.kind === 'passing') await finished(body.stream.resume());
      return body;
    };
    await held(); // once before it counts: code is memory as well
    const before = memory();
    const bodies = await Promise.all([held(), held(), held(), held()]);
    expect(memory() - before).toBeLessThan(bodies.length * 4 * KEPT_BYTES);
    for (const body of bodies) {
      const bytes = body.kind === 'kept' ? body.bytes : body.kind === 'passing' ? body.whole() : undefined;
      expect(bytes?.equals(Buffer.from([...pieces()].map(([byte]) => byte ?? 0)))).toBe(true);
    }
  });

  it('in tiny pieces that the other side does not take waits as few of them', async () => {
    const source = new PassThrough();
    const body = await takeBody(source, { 'transfer-encoding': 'chunked' }, signal);
    if (body.kind !== 'passing') throw new Error(body.kind);
    for (let piece = 0; piece < 1_000; piece += 1) source.write('x');
    await sleep(20);
    expect(body.stream.readableLength).toBeLessThan(10);
    source.end();
    expect((await buffer(body.stream)).length).toBe(1_000);
  });
});
