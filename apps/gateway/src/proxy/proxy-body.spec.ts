import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
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
    expect(body.isTooLarge()).toBe(false);
  });

  it('that says that it is too long is refused', async () => {
    const asked = takeBody(of(), { 'content-length': String(MOST_BYTES + 1) });
    await expect(asked).rejects.toMatchObject({ code: 'invalid_request', status: 413 });
  });

  it('that turns out to be too long ends', async () => {
    const body = await takeBody(of(MOST_BYTES, 1), { 'transfer-encoding': 'chunked' });
    if (body.kind !== 'passing') throw new Error(body.kind);
    await expect(buffer(body.stream)).rejects.toThrow('too large');
    expect(body.isTooLarge()).toBe(true);
  });
});
