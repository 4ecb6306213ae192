import { EventEmitter } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { OrgId } from '@hub/domain';
import { DatabaseError } from 'pg';
import { QueryFailedError, type DataSource } from 'typeorm';
import { HubDatabase } from './hub-database';

const ORG = '6b1f3c9e-2f5d-4c1a-9b7e-0d3a5e8c7f21' as OrgId;

/** An error as the server sends it. */
function said(code: string): QueryFailedError {
  const error = new DatabaseError('words of the server', 1, 'error');
  error.code = code;
  return new QueryFailedError('select', [], error);
}

/** A database that answers, unless it is told how to fail. */
function setUp() {
  const pool = new EventEmitter();
  const state: { failure: Error | undefined; server: string } = { failure: undefined, server: 'the first' };
  const query = () => (state.failure ? Promise.reject(state.failure) : Promise.resolve([{ server: state.server }]));
  const manager = { query };
  const source = {
    driver: { master: pool },
    manager,
    transaction: (work: (given: typeof manager) => Promise<unknown>) => work(manager),
  };
  const database = new HubDatabase(source as unknown as DataSource);
  const ask = () => database.withOrg(ORG, () => Promise.resolve()).catch(() => undefined);
  return { database, pool, state, ask };
}

describe('for how long a database has answered', () => {
  it('is for ever, as far as a process knows that has seen no trouble', async () => {
    const { database, ask } = setUp();
    await ask();
    expect(database.answeringForMs).toBe(Infinity);
  });

  it.each([
    ['nobody listens', Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })],
    ['it is starting up', said('57P03')],
    ['it has no connection left', said('53300')],
    ['the connection broke', new QueryFailedError('select', [], new Error('Connection terminated unexpectedly'))],
  ])('is no time at all while %s, and begins with its first answer', async (_what, failure) => {
    const { database, state, ask } = setUp();
    state.failure = failure;
    await ask();
    await sleep(600);
    expect(database.answeringForMs).toBe(0);
    state.failure = undefined;
    await ask();
    await sleep(20);
    expect(database.answeringForMs).toBeGreaterThan(10);
    expect(database.answeringForMs).toBeLessThan(550);
  });

  it('tells what failed while it was away from what failed for another reason', async () => {
    const { database, state, ask } = setUp();
    const before = database.troubles;
    expect(database.wasAwaySince(before)).toBe(false);
    state.failure = said('57P03');
    await ask();
    expect(database.wasAwaySince(before)).toBe(true);
    expect(database.wasAwaySince(database.troubles)).toBe(true); // it is away still
    state.failure = undefined;
    await ask();
    expect(database.wasAwaySince(before)).toBe(true);
    expect(database.wasAwaySince(database.troubles)).toBe(false);
  });

  it('begins anew with another server, though no connection broke: a pooler stood between', async () => {
    const { database, state, ask } = setUp();
    await ask();
    await ask();
    expect([database.troubles, database.answeringForMs]).toEqual([0, Infinity]);
    state.server = 'another';
    await ask();
    expect(database.troubles).toBe(1);
    expect(database.answeringForMs).toBeLessThan(60_000);
    await ask();
    expect(database.troubles).toBe(1);
  });

  it('begins anew with an idle connection that breaks', () => {
    const { database, pool } = setUp();
    pool.emit('error', new Error('terminated'));
    expect(database.answeringForMs).toBe(0);
  });

  it('begins anew with a failure outside of any org', async () => {
    const { database, state } = setUp();
    state.failure = new QueryFailedError('select', [], new Error('Connection terminated unexpectedly'));
    await database.asSystem('look', (manager) => manager.query('select')).catch(() => undefined);
    expect(database.answeringForMs).toBe(0);
  });

  it.each([
    ['the server refuses by an error of its own', said('23502')],
    ['what is done inside fails by itself', new Error('a bug')],
  ])('goes on where %s', async (_what, error) => {
    const { database } = setUp();
    await database.withOrg(ORG, () => Promise.reject(error)).catch(() => undefined);
    expect(database.answeringForMs).toBe(Infinity);
  });
});
