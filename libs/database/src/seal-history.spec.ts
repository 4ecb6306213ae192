import { randomBytes, randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { HeadsRoot, sealedPlace, stamp, type Head, type SealDraft, type StampedSeal } from './audit-seal';
import { SealHistory } from './seal-history';

const KEY = { id: 's1', key: randomBytes(32) };
const OLD = { id: 's0', key: randomBytes(32) };

const aHead = (orgId: OrgId, seq: number): Head => ({ orgId, seq, hash: randomBytes(32) });

function ofHeads(heads: readonly Head[], full = true): SealDraft {
  const root = new HeadsRoot();
  for (const head of heads) root.add(head);
  return { kind: 'heads', full, orgs: heads.length, root: root.end(), heads: heads.map(sealedPlace) };
}

/** The lines of a folder with these seals. */
function linesOf(drafts: readonly SealDraft[], key = KEY): string[] {
  let before: StampedSeal | undefined;
  return drafts.map((draft) => {
    const [line, stamped] = stamp(draft, before, key, new Date('2026-11-28T05:00:00Z'));
    before = stamped;
    return line;
  });
}

function read(lines: readonly string[], keys = [KEY]): SealHistory {
  const history = new SealHistory(keys);
  for (const line of lines) history.take(line);
  return history;
}

const troubles = (lines: readonly string[], keys = [KEY]) => read(lines, keys).findings.map(({ what }) => what);

describe('a folder of seals', () => {
  const org = randomUUID() as OrgId;
  const heads = [1, 4, 9, 12].map((seq) => aHead(org, seq));
  const lines = linesOf(heads.map((head, place) => ofHeads([head], place === 0)));

  it('tells where a trail ended at each of them', () => {
    const history = read(lines);
    expect(history.findings).toEqual([]);
    expect(history.sealed(org)).toEqual(heads.map(({ seq, hash }) => ({ seq, hash })));
    expect(history.orgs()).toEqual([org]);
    expect([history.seals, history.last?.seal.n]).toEqual([4, 4]);
  });

  it('may begin later than with its first: old files are put away', () => {
    expect(troubles(lines.slice(2))).toEqual([]);
  });

  it('whose latest is older than it may be says so, and so does an empty one', () => {
    const at = new Date('2026-11-28T05:10:00Z');
    const [asOld, older, empty] = [read(lines), read(lines), read([])];
    asOld.end(at, 600_000);
    older.end(at, 599_999);
    empty.end(at, 600_000);
    expect(asOld.findings).toEqual([]);
    expect(older.findings).toMatchObject([
      { kind: 'seal', orgId: null, seq: 4, what: expect.stringMatching(/^the latest seal is of/) },
    ]);
    expect(empty.findings).toMatchObject([{ kind: 'seal', seq: 0, what: expect.stringMatching(/has no seal/) }]);
  });

  it('with one of them gone says so', () => {
    expect(troubles([lines[0]!, lines[2]!, lines[3]!])).toEqual([expect.stringMatching(/seals between them are gone/)]);
  });

  it('in another order says so', () => {
    expect(troubles([lines[0]!, lines[2]!, lines[1]!, lines[3]!]).length).toBeGreaterThan(0);
  });

  it.each(['"seq"', '12,', 'root', '"n":4'])('with a changed byte says so (%s)', (part) => {
    const line = lines[3]!;
    const place = Math.max(line.indexOf(part), 70);
    const wrong = `${line.slice(0, place)}${line[place] === '1' ? '2' : '1'}${line.slice(place + 1)}`;
    expect(troubles([...lines.slice(0, 3), wrong])).toEqual([expect.stringMatching(/HMAC|no seal|does not have/)]);
  });

  it('by another’s key says so', () => {
    const forged = linesOf([ofHeads([aHead(org, 1)])], { id: 's1', key: randomBytes(32) });
    expect(troubles(forged)).toEqual([expect.stringMatching(/does not fit its HMAC/)]);
    expect(troubles(linesOf([ofHeads([aHead(org, 1)])], OLD))).toEqual([expect.stringMatching(/with the key s0/)]);
    expect(troubles(linesOf([ofHeads([aHead(org, 1)])], OLD), [KEY, OLD])).toEqual([]);
  });

  it('in which a trail gets shorter says so', () => {
    const shorter = linesOf([ofHeads([aHead(org, 9)]), ofHeads([aHead(org, 8)])]);
    expect(troubles(shorter)).toEqual([expect.stringMatching(/end with 8, one before with 9/)]);
  });

  it('whose root is another’s says so', () => {
    const draft = { ...ofHeads([aHead(org, 1)]), root: '00'.repeat(32) } as SealDraft;
    expect(troubles(linesOf([draft]))).toEqual([expect.stringMatching(/the root of seal 1/)]);
  });

  it('knows which beginnings a prune has sealed', () => {
    const [pruned, other] = [aHead(org, 5), aHead(org, 5)];
    const history = read(
      linesOf([{ kind: 'prune', before: '2026-05', export: '00', checkpoints: [sealedPlace(pruned)] }]),
    );
    expect(history.hasCheckpoint(org, pruned)).toBe(true);
    expect(history.hasCheckpoint(org, other)).toBe(false);
  });

  it('of years keeps so many places of a trail, the latest always', () => {
    const many = Array.from({ length: 1_000 }, (_, place) => aHead(org, place + 1));
    const sealed = read(linesOf(many.map((head) => ofHeads([head], false)))).sealed(org);
    expect(sealed.length).toBeLessThanOrEqual(128);
    expect(sealed.at(-1)?.seq).toBe(1_000);
    expect(sealed.map(({ seq }) => seq)).toEqual([...sealed.map(({ seq }) => seq)].sort((a, b) => a - b));
  });
});
