import { randomUUID } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { canonicalText, CHAIN_START, GENESIS, rowHash, type ChainContent, type ChainRow } from './audit-chain';
import type { AuditFinding } from './audit-finding';
import { ChainCheck, type ChainExpectations } from './chain-check';

const ORG = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId;
const LENGTH = 12;

const content = (seq: number): ChainContent => ({
  orgId: ORG,
  seq,
  id: randomUUID(),
  atMicros: String(1_795_000_000_000_000 + seq * 1_001),
  name: 'token.read',
  provider: seq % 3 === 0 ? null : 'notion',
  integrationId: seq % 2 === 0 ? null : randomUUID(),
  actorType: 'user',
  actorId: 'ada',
  detail: `{"count": ${seq}}`,
});

function chain(length = LENGTH): ChainRow[] {
  const rows: ChainRow[] = [];
  for (let seq = 1; seq <= length; seq += 1) rows.push(after(rows.at(-1)?.hash ?? GENESIS, content(seq)));
  return rows;
}

const after = (prevHash: Buffer, row: ChainContent): ChainRow => ({ ...row, prevHash, hash: rowHash(prevHash, row) });

/** What is found in these rows, by `kind seq`; the head is the true one unless another is given. */
function found(
  rows: readonly ChainRow[],
  { head, ...expected }: ChainExpectations & { head?: { seq: number; hash: Buffer } | null } = {},
): string[] {
  const check = new ChainCheck(ORG, expected);
  for (const row of [...rows].sort((one, other) => one.seq - other.seq)) check.take(row);
  const findings: AuditFinding[] = check.end(head === undefined ? (rows.at(-1) ?? CHAIN_START) : head);
  return findings.map(({ kind, seq }) => `${kind} ${seq}`);
}

/** The rows with one of them changed. */
const changed = (rows: readonly ChainRow[], seq: number, different: Partial<ChainRow>): ChainRow[] =>
  rows.map((row) => (row.seq === seq ? { ...row, ...different } : row));
const without = (rows: readonly ChainRow[], ...gone: number[]) => rows.filter(({ seq }) => !gone.includes(seq));
/** The rows from `seq` on chained anew, as somebody would who knows how. */
function rechained(rows: readonly ChainRow[], seq: number): ChainRow[] {
  const anew: ChainRow[] = [];
  for (const row of rows) anew.push(row.seq < seq ? row : after(anew.at(-1)?.hash ?? GENESIS, row));
  return anew;
}

describe('a row as bytes', () => {
  it('has the length of every value in front of it, in bytes, and a dash where there is none', () => {
    const row = { ...content(7), provider: null, integrationId: null, actorId: 'ä' };
    expect(canonicalText(row)).toBe(
      `hub-audit/136:${ORG}1:736:${row.id}16:179500000000700710:token.read--4:user2:ä12:{"count": 7}`,
    );
  });

  it('is never that of another row, where values run over into their neighbours', () => {
    const row = content(1);
    const texts = [
      { ...row, actorType: 'us', actorId: 'erada' },
      { ...row, actorType: 'user', actorId: 'ada' },
      { ...row, actorType: 'user3:ada', actorId: '' },
      { ...row, provider: '-' },
      { ...row, provider: '' },
      { ...row, provider: null },
    ].map(canonicalText);
    expect(new Set(texts).size).toBe(texts.length);
  });
});

describe('a chain', () => {
  const rows = chain();
  const [last] = rows.slice(-1);

  it('that is as it was written has no finding', () => {
    expect(found(rows)).toEqual([]);
    expect(found([], { head: CHAIN_START })).toEqual([]);
    expect(found(rows, { sealed: [rows[3]!, rows[8]!, last!] })).toEqual([]);
  });

  it('of which only the later part is there is followed from its checkpoint', () => {
    const later = rows.slice(5);
    expect(found(later, { start: rows[4]! })).toEqual([]);
    expect(found([], { start: last!, head: last! })).toEqual([]);
    expect(found(later, { start: { seq: 5, hash: GENESIS } })).toEqual(['checkpoint 5']);
    expect(found(later)).toEqual(['missing 1']);
  });

  it.each([
    ['id', { id: randomUUID() }],
    ['at', { atMicros: '1795000000000001' }],
    ['name', { name: 'token.reads' }],
    ['provider', { provider: 'shopify' }],
    ['integration', { integrationId: randomUUID() }],
    ['actor’s type', { actorType: 'system' }],
    ['actor’s id', { actorId: 'bob' }],
    ['detail', { detail: '{"count": 8}' }],
    ['prev_hash', { prevHash: Buffer.alloc(32, 1) }],
    ['hash', { hash: Buffer.alloc(32, 1) }],
    ['org', { orgId: randomUUID() as OrgId }],
  ] as [string, Partial<ChainRow>][])('tells which event’s %s was changed', (_what, different) => {
    for (const seq of [1, 5, 7, LENGTH - 1]) expect(found(changed(rows, seq, different))).toEqual([`edited ${seq}`]);
    const end = changed(rows, LENGTH, different);
    expect(found(end, { head: last! })).toEqual([`edited ${LENGTH}`]);
  });

  it('tells which event was changed together with its hash', () => {
    for (const seq of [1, 6, LENGTH - 1]) {
      const row = rows[seq - 1]!;
      expect(found(changed(rows, seq, after(row.prevHash, { ...row, actorId: 'bob' })))).toEqual([`edited ${seq}`]);
    }
  });

  it('tells which events are gone', () => {
    expect(found(without(rows, 1))).toEqual(['missing 1']);
    expect(found(without(rows, 4))).toEqual(['missing 4']);
    expect(found(without(rows, 4, 5, 9))).toEqual(['missing 4', 'missing 9']);
  });

  it('tells where its end was cut off', () => {
    expect(found(without(rows, LENGTH), { head: last! })).toEqual([`truncated ${LENGTH}`]);
    expect(found(rows.slice(0, 6), { head: last! })).toEqual(['truncated 7']);
    expect(found([], { head: last! })).toEqual(['truncated 1']);
  });

  it('tells by its seals that its end was cut off together with the head', () => {
    const sealed = [rows[2]!, rows[9]!];
    expect(found(rows.slice(0, 6), { sealed })).toEqual(['truncated 7']);
    expect(found(rows.slice(0, 6), { sealed, head: null })).toEqual(['head 6', 'truncated 7']);
    expect(found([], { sealed, head: null })).toEqual(['head 0', 'truncated 1']);
  });

  it('tells what was put in: under a number that is taken, at the beginning, behind the head', () => {
    const forged = content(5);
    expect(found([...rows, { ...forged, prevHash: GENESIS, hash: GENESIS }], { head: last! })).toEqual(['inserted 5']);
    expect(found([...rows, after(rows[3]!.hash, forged)], { head: last! })).toEqual(['inserted 5']);
    expect(found([after(GENESIS, content(0)), ...rows])).toEqual(['inserted 0']);
    expect(found([...rows, after(last!.hash, content(LENGTH + 1))], { head: last! })).toEqual([
      `inserted ${LENGTH + 1}`,
    ]);
  });

  it('tells which events have changed places', () => {
    const [one, other] = [rows[3]!, rows[8]!];
    const numbers = rows.map((row) => (row === one ? { ...row, seq: 9 } : row === other ? { ...row, seq: 4 } : row));
    const contents = rows.map((row) => {
      const from = row === one ? other : row === other ? one : row;
      return { ...from, seq: row.seq, prevHash: row.prevHash, hash: row.hash };
    });
    expect(found(numbers, { head: last! })).toEqual(['reordered 4', 'reordered 9']);
    expect(found(contents, { head: last! })).toEqual(['reordered 4', 'reordered 9']);
  });

  it('tells where it was written anew by somebody who knows how, as far as it was sealed', () => {
    const anew = rechained(changed(rows, 5, { actorId: 'bob' }), 5);
    expect(found(anew)).toEqual([]);
    expect(found(anew, { sealed: [rows[3]!, rows[7]!, last!] })).toEqual(['rewritten 5']);
    expect(found(anew, { sealed: [rows[7]!] })).toEqual(['rewritten 1']);
  });

  it('tells a head that was changed', () => {
    expect(found(rows, { head: null })).toEqual([`head ${LENGTH}`]);
    expect(found(rows, { head: { seq: LENGTH, hash: GENESIS } })).toEqual([`head ${LENGTH}`]);
    expect(found(rows, { head: { seq: LENGTH + 4, hash: last!.hash } })).toEqual([`head ${LENGTH + 4}`]);
    expect(found(rows, { head: { seq: LENGTH - 4, hash: last!.hash } })).toEqual([`head ${LENGTH - 4}`]);
  });
});
