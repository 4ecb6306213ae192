import { createHash, createHmac, timingSafeEqual } from 'node:crypto';
import type { OrgId } from '@hub/domain';
import { CHAIN_START, type ChainPlace, type ChainRow } from './audit-chain';
import type { AuditFinding } from './audit-finding';
import type { Head, SealKey } from './audit-seal';
import { ChainCheck } from './chain-check';

/** The first line of an export. */
export interface ExportHeader {
  readonly export: 'hub-audit/1';
  /** The first month that is not in it, such as `2026-05`. */
  readonly before: string;
}

/** What the events of an export come to. */
export interface ExportTotal {
  readonly events: number;
  readonly orgs: number;
  /** SHA-256 of the lines of all events, line breaks included. */
  readonly sha256: string;
}

/** The last line of an export; `mac` is there if a key was. */
export interface ExportEnd extends ExportTotal {
  readonly key?: string;
  readonly mac?: string;
}

/** What reading an export has come to. */
export interface ExportVerdict {
  readonly header: ExportHeader | undefined;
  readonly end: ExportEnd | undefined;
  readonly total: ExportTotal;
  readonly findings: readonly AuditFinding[];
  /** What is wrong with the file as a whole. */
  readonly troubles: readonly string[];
  /** True if its HMAC is there and right; false if there is none, or no key to tell. */
  readonly isStamped: boolean;
}

/** An event as a line of an export. */
export function exportLine(row: ChainRow): string {
  return JSON.stringify({ ...row, prevHash: row.prevHash.toString('hex'), hash: row.hash.toString('hex') });
}

/** The last line of an export. */
export function endLine(header: ExportHeader, total: ExportTotal, key: SealKey | undefined): string {
  const stamp = key && { key: key.id, mac: macOf(header, total, key) };
  return JSON.stringify({ ...total, ...stamp });
}

/** Sums up events while they are written or read, and knows where each org's trail ended. */
export class ExportSum {
  readonly ends: Head[] = [];
  private readonly hash = createHash('sha256');
  private events = 0;

  add(line: string, { orgId, seq, hash }: ChainRow): void {
    this.hash.update(line).update('\n');
    this.events += 1;
    if (this.ends.at(-1)?.orgId === orgId) this.ends.pop();
    this.ends.push({ orgId, seq, hash });
  }

  total(): ExportTotal {
    return { events: this.events, orgs: this.ends.length, sha256: this.hash.digest('hex') };
  }
}

/** Reads an export line by line and holds it against itself. */
export class ExportCheck {
  private readonly sum = new ExportSum();
  private readonly findings: AuditFinding[] = [];
  private readonly troubles: string[] = [];
  private header: ExportHeader | undefined;
  private end: ExportEnd | undefined;
  private chain: ChainCheck | undefined;
  private orgId: OrgId | undefined;
  private readonly orgs = new Set<OrgId>();
  private lines = 0;

  take(line: string): void {
    this.lines += 1;
    const read = parse(line);
    if (read === undefined) this.tell(`line ${this.lines} cannot be read`);
    else if (this.end) this.tell(`line ${this.lines} stands behind the end`);
    else if ('export' in read) this.takeHeader(read as ExportHeader);
    else if ('sha256' in read) this.end = read as ExportEnd;
    else this.takeRow(line, read);
  }

  /** @param keys any that may have stamped it */
  close(keys: readonly SealKey[]): ExportVerdict {
    this.endChain();
    const total = this.sum.total();
    const isStamped = this.judgeEnd(total, keys);
    const { header, end, findings, troubles } = this;
    return { header, end, total, findings, troubles, isStamped };
  }

  private takeHeader(header: ExportHeader): void {
    if (this.lines === 1) this.header = header;
    else this.tell(`line ${this.lines} is a second beginning`);
  }

  private takeRow(line: string, read: object): void {
    const row = toRow(read);
    if (!row) return this.tell(`line ${this.lines} is no event`);
    if (row.orgId !== this.orgId) this.beginChain(row);
    this.chain?.take(row);
    this.sum.add(line, row);
  }

  private beginChain(first: ChainRow): void {
    this.endChain();
    if (this.orgs.has(first.orgId)) this.tell(`line ${this.lines}: the events of ${first.orgId} do not stand together`);
    this.orgs.add(first.orgId);
    this.orgId = first.orgId;
    // what was pruned before is not here: its last hash is taken as the first event names it
    const start: ChainPlace = first.seq <= 1 ? CHAIN_START : { seq: first.seq - 1, hash: first.prevHash };
    this.chain = new ChainCheck(first.orgId, { start });
  }

  private endChain(): void {
    if (this.chain) this.findings.push(...this.chain.end(undefined));
    this.chain = undefined;
  }

  private judgeEnd(total: ExportTotal, keys: readonly SealKey[]): boolean {
    const { header, end } = this;
    if (!header) this.tell('it does not begin as an export');
    if (!end) {
      this.tell('its last line is gone: it was cut');
      return false;
    }
    for (const what of ['events', 'orgs', 'sha256'] as const)
      if (end[what] !== total[what]) this.tell(`its last line says ${what} ${end[what]}, it holds ${total[what]}`);
    if (end.mac === undefined || !header) return false;
    const key = keys.find(({ id }) => id === end.key);
    if (!key) return false;
    const isRight = end.mac.length === 64 && sameHex(end.mac, macOf(header, total, key));
    if (!isRight) this.tell('it does not fit its HMAC');
    return isRight;
  }

  private tell(trouble: string): void {
    this.troubles.push(trouble);
  }
}

function macOf(header: ExportHeader, { events, orgs, sha256 }: ExportTotal, { key }: SealKey): string {
  return createHmac('sha256', key)
    .update(`${header.export} ${header.before} ${events} ${orgs} ${sha256}`)
    .digest('hex');
}

function sameHex(one: string, other: string): boolean {
  return timingSafeEqual(Buffer.from(one), Buffer.from(other));
}

function parse(line: string): object | undefined {
  try {
    const read: unknown = JSON.parse(line);
    return typeof read === 'object' && read !== null ? read : undefined;
  } catch {
    return undefined;
  }
}

const TEXTS = ['orgId', 'id', 'atMicros', 'name', 'actorType', 'actorId', 'detail', 'prevHash', 'hash'];
const TEXTS_OR_NULL = ['provider', 'integrationId'];

function toRow(read: object): ChainRow | undefined {
  const values = read as Record<string, unknown>;
  const isEvent =
    Number.isSafeInteger(values['seq']) &&
    TEXTS.every((name) => typeof values[name] === 'string') &&
    TEXTS_OR_NULL.every((name) => values[name] === null || typeof values[name] === 'string');
  if (!isEvent) return undefined;
  const row = values as unknown as Omit<ChainRow, 'prevHash' | 'hash'> & { prevHash: string; hash: string };
  return { ...row, prevHash: Buffer.from(row.prevHash, 'hex'), hash: Buffer.from(row.hash, 'hex') };
}
