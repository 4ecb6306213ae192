import { randomBytes } from 'node:crypto';
import { providerCatalog } from '@hub/providers';
import { Client, escapeIdentifier } from 'pg';
import { testServers } from '../../../test/support/test-servers';
import { migrationDataSource } from './data-source';
import { MIGRATIONS } from './migrations';
import { provisionDatabase, ROLES, type AppLogin, type Login, type ProvisionOptions } from './provision';
import { scramVerifier } from './scram';

const { adminUrl } = testServers();
const ALL = MIGRATIONS.map(({ name }) => name);

const random = (): string => randomBytes(6).toString('hex');

/** The superuser's URL, changed. */
function url(different: { database?: string; user?: string; password?: string; port?: number }): string {
  const changed = new URL(adminUrl);
  if (different.database !== undefined) changed.pathname = `/${different.database}`;
  if (different.user !== undefined) changed.username = different.user;
  if (different.password !== undefined) changed.password = different.password;
  if (different.port !== undefined) changed.port = String(different.port);
  return changed.href;
}

async function ask<T extends object>(connectionString: string, sql: string, values: unknown[] = []): Promise<T[]> {
  const client = new Client({ connectionString });
  await client.connect();
  try {
    return (await client.query<T>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

describe('provisioning a database', () => {
  const databases: string[] = [];
  const logins: string[] = [];

  afterAll(async () => {
    for (const name of databases) await ask(adminUrl, `drop database if exists ${escapeIdentifier(name)} with (force)`);
    const made = await ask<{ name: string }>(adminUrl, 'select rolname as name from pg_roles where rolname = any($1)', [
      logins,
    ]);
    for (const { name } of made)
      await ask(adminUrl, `drop owned by ${escapeIdentifier(name)} cascade; drop role ${escapeIdentifier(name)}`);
  });

  const newDatabase = (): string => {
    const name = `provision_${random()}`;
    databases.push(name);
    return name;
  };
  const newLogins = (): Record<AppLogin, Login> => {
    const made = {
      gateway: { user: `hub_gateway_${random()}`, password: 'it’s a "pass\\word"' },
      refreshWorker: { user: `hub_refresh_worker_${random()}`, password: random() },
      syncWorker: { user: `hub_sync_worker_${random()}`, password: random() },
      deliveryWorker: { user: `hub_delivery_worker_${random()}`, password: random() },
    };
    logins.push(...Object.values(made).map(({ user }) => user));
    return made;
  };

  it('makes the database, roles, schema, catalog and logins', async () => {
    const database = newDatabase();
    const made = newLogins();
    expect(await provisionDatabase({ adminUrl: url({ database }), logins: made })).toEqual({ migrations: ALL });
    const catalog = await ask<{ id: string }>(url({ database }), 'select id from public.providers order by id');
    expect(catalog.map(({ id }) => id)).toEqual(providerCatalog.map(({ id }) => id).sort());
    for (const { user, password } of Object.values(made)) {
      const [seen] = await ask(
        url({ database, user, password: encodeURIComponent(password) }),
        'select current_user as me, count(*)::int as rows from public.integrations',
      );
      expect(seen).toEqual({ me: user, rows: 0 });
    }
  });

  it('changes nothing the second time, but takes a new password and a new label', async () => {
    const database = newDatabase();
    const made = newLogins();
    await provisionDatabase({ adminUrl: url({ database }), logins: made });
    await ask(url({ database }), "update public.providers set label = 'Old' where id = 'notion'");
    const changed = { ...made, refreshWorker: { ...made.refreshWorker, password: 'changed' } };
    expect(await provisionDatabase({ adminUrl: url({ database }), logins: changed })).toEqual({ migrations: [] });
    expect(await ask(url({ database }), "select label from public.providers where id = 'notion'")).toEqual([
      { label: 'Notion' },
    ]);
    const { user } = made.refreshWorker;
    expect(await ask(url({ database, user, password: 'changed' }), 'select 1 as one')).toHaveLength(1);
    await expect(ask(url({ database, ...made.refreshWorker }), 'select 1')).rejects.toMatchObject({ code: '28P01' });
  });

  it('may be done by several at once', async () => {
    const database = newDatabase();
    const made = newLogins();
    const outcomes = await Promise.all(
      Array.from({ length: 5 }, () => provisionDatabase({ adminUrl: url({ database }), logins: made })),
    );
    expect(outcomes.flatMap(({ migrations }) => migrations)).toEqual(ALL);
  });

  it('may be done for several databases of one server at once, which share its roles', async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 6 }, () =>
        provisionDatabase({ adminUrl: url({ database: newDatabase() }), logins: newLogins() }),
      ),
    );
    for (const { migrations } of outcomes) expect(migrations).toEqual(ALL);
  });

  it('needs no logins where the operator makes them', async () => {
    expect(await provisionDatabase({ adminUrl: url({ database: newDatabase() }) })).toEqual({ migrations: ALL });
  });

  it('takes names of databases and logins as they are', async () => {
    const database = `odd "name" ${random()}`;
    databases.push(database);
    const user = `hub "odd" ${random()}`;
    logins.push(user);
    const made = { ...newLogins(), gateway: { user, password: 'x' } };
    await provisionDatabase({ adminUrl: url({ database: encodeURIComponent(database) }), logins: made });
    const seen = await ask(
      url({ database: encodeURIComponent(database), user: encodeURIComponent(user), password: 'x' }),
      'select current_user as me',
    );
    expect(seen).toEqual([{ me: user }]);
  });

  it('leaves what the server keeps of a password as it is, for poolers that know it, until the password changes', async () => {
    const database = newDatabase();
    const made = newLogins();
    const kept = () =>
      ask<{ name: string; secret: string }>(
        adminUrl,
        'select rolname as name, rolpassword as secret from pg_authid where rolname = any($1) order by 1',
        [Object.values(made).map(({ user }) => user)],
      );
    await provisionDatabase({ adminUrl: url({ database }), logins: made });
    const before = await kept();
    await provisionDatabase({ adminUrl: url({ database }), logins: made });
    expect(await kept()).toEqual(before);
    const gateway = { ...made.gateway, password: 'another' };
    await provisionDatabase({ adminUrl: url({ database }), logins: { ...made, gateway } });
    const changed = (await kept()).filter(({ secret }, place) => secret !== before[place]?.secret);
    expect(changed.map(({ name }) => name)).toEqual([gateway.user]);
  });

  it('has the server end what takes too long, whatever an app or a pooler says at its start', async () => {
    const database = newDatabase();
    const made = newLogins();
    await provisionDatabase({ adminUrl: url({ database }), logins: made });
    for (const { user, password } of [made.refreshWorker, made.syncWorker, made.deliveryWorker])
      expect(
        await ask(
          url({ database, user, password }),
          `select current_setting('statement_timeout') as statement, current_setting('idle_in_transaction_session_timeout') as idle`,
        ),
      ).toEqual([{ statement: '10s', idle: '10s' }]);
  });

  it('lets the logins read which migrations ran, and write none', async () => {
    const database = newDatabase();
    const made = newLogins();
    await provisionDatabase({ adminUrl: url({ database }), logins: made });
    const { user, password } = made.syncWorker;
    expect(await ask(url({ database, user, password }), 'select name from public.hub_migrations order by id')).toEqual(
      ALL.map((name) => ({ name })),
    );
    await expect(ask(url({ database, user, password }), 'delete from public.hub_migrations')).rejects.toMatchObject({
      code: '42501',
    });
  });

  describe('as an administrator who is no superuser', () => {
    const admin = { user: `admin_${random()}`, password: random() };
    let cluster: string;

    beforeAll(async () => {
      await ask(adminUrl, `create role ${admin.user} login createrole createdb password '${admin.password}'`);
      logins.push(admin.user);
      cluster = newDatabase();
    });

    it('works where that role may create roles and databases, and the hub’s roles are its to give', async () => {
      // roles of the hub are there already in this cluster; whoever made them has given them on
      for (const role of ROLES) await ask(adminUrl, `grant ${role} to ${admin.user} with admin option`);
      const made = newLogins();
      expect(await provisionDatabase({ adminUrl: url({ database: cluster, ...admin }), logins: made })).toEqual({
        migrations: ALL,
      });
      expect(await provisionDatabase({ adminUrl: url({ database: cluster, ...admin }), logins: made })).toEqual({
        migrations: [],
      });
      const { user, password } = made.gateway;
      expect(
        await ask(url({ database: cluster, user, password }), 'select count(*)::int as rows from public.flows'),
      ).toEqual([{ rows: 0 }]);
    });
  });

  describe('as a migrator, who may make no role', () => {
    const migrator = { user: `migrator_${random()}`, password: random() };
    const database = newDatabase();
    const asMigrator = () => provisionDatabase({ adminUrl: url({ database, ...migrator }), logins: {} });

    beforeAll(async () => {
      await provisionDatabase({ adminUrl: url({ database }), logins: newLogins() });
      await ask(adminUrl, `create role ${migrator.user} login password '${migrator.password}'`);
      logins.push(migrator.user);
    });

    it('is refused until he is one', async () => {
      await expect(asMigrator()).rejects.toThrow(/42501, permission denied/);
    });

    it('brings the schema to where this release needs it, once roles and logins are there', async () => {
      await ask(adminUrl, `grant hub_migrator to ${migrator.user}`);
      const owner = await migrationDataSource(url({ database, ...migrator })).initialize();
      for (const _ of MIGRATIONS) await owner.undoLastMigration({ transaction: 'each' });
      await owner.destroy();
      expect(await asMigrator()).toEqual({ migrations: ALL });
      expect(await asMigrator()).toEqual({ migrations: [] });
      const [owned] = await ask(
        url({ database }),
        "select tableowner as owner from pg_tables where tablename = 'integrations'",
      );
      expect(owned).toEqual({ owner: 'hub_owner' });
    });
  });

  describe('of an earlier release, which knew one login for both workers', () => {
    const rightsOf = (database: string, { user, password }: Login) =>
      ask<{ refreshes: boolean; syncs: boolean }>(
        url({ database, user, password }),
        `select pg_has_role('hub_refresh_worker', 'usage') as refreshes, pg_has_role('hub_sync_worker', 'usage') as syncs`,
      );

    it('leaves a login that the operator made a member of hub_worker the rights of both', async () => {
      const database = newDatabase();
      await provisionDatabase({ adminUrl: url({ database }) });
      const theirs = { user: `theirs_${random()}`, password: random() };
      await ask(adminUrl, `create role ${theirs.user} login password '${theirs.password}' in role hub_worker`);
      logins.push(theirs.user);
      expect(await rightsOf(database, theirs)).toEqual([{ refreshes: false, syncs: false }]);
      await provisionDatabase({ adminUrl: url({ database }) });
      expect(await rightsOf(database, theirs)).toEqual([{ refreshes: true, syncs: true }]);
    });

    it('takes settings that name such a login', async () => {
      const database = newDatabase();
      const { gateway, refreshWorker: worker } = newLogins();
      await provisionDatabase({ adminUrl: url({ database }), logins: { gateway, worker } });
      expect(await rightsOf(database, worker)).toEqual([{ refreshes: true, syncs: true }]);
    });

    it('gives each worker of this release its own rights only', async () => {
      const database = newDatabase();
      const made = newLogins();
      await provisionDatabase({ adminUrl: url({ database }), logins: made });
      expect(await rightsOf(database, made.refreshWorker)).toEqual([{ refreshes: true, syncs: false }]);
      expect(await rightsOf(database, made.syncWorker)).toEqual([{ refreshes: false, syncs: true }]);
      expect(await rightsOf(database, made.deliveryWorker)).toEqual([{ refreshes: false, syncs: false }]);
    });
  });

  describe('that cannot be done', () => {
    const refusal = (options: ProvisionOptions): Promise<Error> =>
      provisionDatabase(options).then(
        () => Promise.reject(new Error('it was done')),
        (error: Error) => error,
      );

    it('says in a sentence that the password is wrong, without it', async () => {
      const { message } = await refusal({ adminUrl: url({ password: 'canary-password' }) });
      expect(message).toMatch(/^The database at .* refuses the admin login: 28P01, password authentication failed/);
      expect(message).toMatch(/Check DATABASE_ADMIN_URL/);
      expect(message).not.toContain('canary-password');
    });

    it('says that nobody listens', async () => {
      const { message } = await refusal({ adminUrl: url({ port: 1 }) });
      expect(message).toMatch(/^The database at 127\.0\.0\.1:1.* ECONNREFUSED/);
    });

    it('says that the login may not create the database', async () => {
      const plain = { user: `plain_${random()}`, password: random() };
      await ask(adminUrl, `create role ${plain.user} login password '${plain.password}'`);
      logins.push(plain.user);
      const { message } = await refusal({ adminUrl: url({ ...plain, database: `absent_${random()}` }) });
      expect(message).toMatch(/refuses the admin login: 42501, permission denied to create database/);
    });

    it('says that the login may not make roles or grant them', async () => {
      const plain = { user: `plain_${random()}`, password: random() };
      await ask(adminUrl, `create role ${plain.user} login createdb password '${plain.password}'`);
      logins.push(plain.user);
      const { message } = await refusal({ adminUrl: url({ ...plain, database: newDatabase() }) });
      expect(message).toMatch(/refuses the admin login: 42501, permission denied/);
      expect(message).not.toContain(plain.password);
    });
  });
});

describe('a password as PostgreSQL keeps it', () => {
  it('is the one that PostgreSQL makes of it itself', async () => {
    const user = `scram_${random()}`;
    await ask(adminUrl, `create role ${user} login password 'pencil'`);
    try {
      const [kept] = await ask<{ secret: string }>(
        adminUrl,
        'select rolpassword as secret from pg_authid where rolname = $1',
        [user],
      );
      const salt = Buffer.from(/:(.*?)\$/.exec(kept?.secret ?? '')?.[1] ?? '', 'base64');
      expect(scramVerifier('pencil', salt)).toBe(kept?.secret);
    } finally {
      await ask(adminUrl, `drop role ${user}`);
    }
  });

  it('has a new salt each time, and never the password', () => {
    expect(scramVerifier('pencil')).not.toBe(scramVerifier('pencil'));
    expect(scramVerifier('pencil')).not.toContain('pencil');
  });
});
