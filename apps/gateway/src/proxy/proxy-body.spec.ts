import { once } from 'node:events';
import { PassThrough, Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { KEPT_BYTES, MOST_BYTES, takeBody } from './proxy-body';

function of(...sizes: readonly number[]): Readable {
  return Readable.from(sizes.map((size) => Buffer.alloc(size, 'x')));
}

describe('a body', () => {
  it('that is none is none', async () => {
    expect(await takeBody(undefined, {})).toEqual({ kind: 'none' });
    expect(await takeBody(of(), { 'content-length': '0' })).toEqual({ kind: 'none' });
    expect(await takeBody(of(), {})).toEqual({ kind: 'none' });
  });

  it('is kept while it is small and says so', async () => {
    const body = await takeBody(of(10, 20), { 'content-length': '30' });
    expect(body).toEqual({ kind: 'kept', bytes: Buffer.alloc(30, 'x') });
  });

  it.each([
    ['long', { 'content-length': String(KEPT_BYTES + 1) }],
    ['of unknown length', { 'transfer-encoding': 'chunked' }],
  ])('that is %s is passed on', async (_what, headers) => {
    const body = await takeBody(of(KEPT_BYTES, 1), headers);
    if (body.kind !== 'passing') throw new Error(body.kind);
    expect((await buffer(body.stream)).length).toBe(KEPT_BYTES + 1);
    expect(body.whole()).toBeUndefined();
    expect(body.fault()).toBeUndefined();
  });

  it('of unknown length that turns out to be short can be had once more, once it has come', async () => {
    const source = new PassThrough();
    const body = await takeBody(source, { 'transfer-encoding': 'chunked' });
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
    const asked = takeBody(of(), { 'content-length': String(MOST_BYTES + 1) });
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 413 });
  });

  it('that turns out to be too long ends', async () => {
    const body = await takeBody(of(MOST_BYTES, 1), { 'transfer-encoding': 'chunked' });
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
      const body = await takeBody(source, headers, 100);
      if (body.kind !== 'passing') throw new Error(body.kind);
      await buffer(body.stream).catch(() => Promise.reject(body.fault() ?? new Error('no fault')));
    };
    await expect(read()).rejects.toMatchObject(late);
  });

  it('that is short and breaks is told as such', async () => {
    const source = new PassThrough();
    source.write('half');
    const asked = takeBody(source, { 'content-length': '30' });
    source.destroy();
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 400 });
  });

  it('whose caller has left already is none', async () => {
    const source = new PassThrough();
    source.destroy();
    await once(source, 'close');
    const asked = takeBody(source, { 'content-length': '30' });
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 400 });
  });

  it('that nobody takes is not the caller’s fault', async () => {
    const source = new PassThrough();
    const sent = KEPT_BYTES * 2;
    source.end(Buffer.alloc(sent));
    const body = await takeBody(source, { 'content-length': String(sent) }, 50);
    if (body.kind !== 'passing') throw new Error(body.kind);
    await sleep(300);
    expect((await buffer(body.stream)).length).toBe(sent);
    expect(body.fault()).toBeUndefined();
  });
});
