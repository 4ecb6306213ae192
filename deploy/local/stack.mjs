import path from 'node:path';
import { addressOf, APPS, asLogin, databaseOf, localDefaults, localSignIn, mainOf, redisPrefix } from './apps.mjs';
import { checkSettings } from './check-settings.mjs';
import { ensureBuilt } from './compile.mjs';
import { openDataDir } from './data-dir.mjs';
import { dataDirOf, hubEnvironment } from './environment.mjs';
import { requireRedis } from './given-redis.mjs';
import { givenAdminUrl, givenRedisUrl } from './given-urls.mjs';
import { Guard } from './guard.mjs';
import { ensureInstalled } from './install.mjs';
import { adminUrl, preparePostgres, whyNoPostgres } from './postgres.mjs';
import { loginsFor, provision } from './provision.mjs';
import { prepareRedis, redisUrl, whyNoRedis } from './redis.mjs';
import { asRefusal, Refusal } from './refusal.mjs';
import { forPeople } from './root.mjs';
import { stopCommands } from './run.mjs';
import { askSandbox, sandboxSettings, sandboxSpec } from './sandbox.mjs';
import { placeForPostgres } from './server-place.mjs';
import { changeSettings, keptSettings } from './settings.mjs';
import { choosePorts, requireGatewayPort } from './stack-ports.mjs';
import { Supervisor } from './supervisor.mjs';
import { localToken } from './token.mjs';

/** Everything that `npm start` runs on one data folder. */
export class Stack {
  /** @type {Promise<number>} the exit code, once all of it is stopped */
  ended;
  /** @type {Record<string, string>} what the gateway was started with */
  environment;
  /** @type {string} a caller's token that works here */
  token;
  /** @type {{ database?: string, redis?: string, providers?: string }} what people may want to know about this stack */
  notes = {};
  #given = hubEnvironment();
  #dataDir;
  #kept;
  #ports;
  #guard;
  #supervisor;
  #print;
  #why = {};
  #isEnding = false;
  #resolveEnded;

  /** @param {import('./console.mjs').Console} print */
  constructor(print) {
    this.#print = print;
    this.ended = new Promise((resolve) => (this.#resolveEnded = resolve));
  }

  /** Starts all of it. Resolves once every part is ready; a part that cannot be started ends the stack. */
  async start() {
    const say = this.#print.say;
    this.#dataDir = await openDataDir(dataDirOf(this.#given), say);
    this.#kept = await keptSettings(this.#dataDir.path);
    const settings = localDefaults(this.#given, this.#kept, this.#dataDir.path);
    await ensureInstalled({ say });
    await ensureBuilt({ say });
    await checkSettings(this.#given, settings);
    await requireGatewayPort(settings);
    this.#ports = await choosePorts(this.#given, this.#kept, this.#dataDir.path);
    this.#guard = new Guard({ record: this.#dataDir.record });
    this.#supervisor = new Supervisor({
      guard: this.#guard,
      say,
      onLine: this.#print.line,
      onGivenUp: (failure) => this.#giveUp(failure),
    });

    const [database, redis, sandbox, token] = await Promise.all([
      this.#startDatabase(),
      this.#startRedis(),
      this.#startSandbox(settings),
      localToken(settings),
    ]);
    this.token = token;
    await this.#startApps({ settings, database, redis, sandbox });
  }

  /**
   * Stops all of it, whatever has been started so far.
   * @param {number} exitCode
   */
  async end(exitCode) {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#print.isStopping = true;
    this.#supervisor?.close();
    await stopCommands();
    // Apps first, so that they can still write down what they have in hand.
    await this.#supervisor?.stop([...APPS.map((app) => app.name), 'sandbox']);
    await this.#supervisor?.stop(['redis']);
    await this.#supervisor?.stop(['postgres']);
    await this.#guard?.close();
    this.#dataDir?.release();
    this.#resolveEnded(exitCode);
  }

  /** Ends after an error, unless it only tells of the end that is under way. */
  async fail(thrown) {
    if (this.#isEnding) return;
    const error = asRefusal(thrown);
    this.#print.fail(error instanceof Refusal ? error.message : (error.stack ?? error.message));
    await this.end(1);
  }

  /** Whoever asked to stop asks again. */
  hurry() {
    this.#supervisor?.hurry();
  }

  /** @returns {Promise<{ adminUrl: string, logins: import('./provision.mjs').Logins }>} migrated */
  async #startDatabase() {
    const given = givenAdminUrl(this.#given);
    const url = given ?? (await this.#startPostgres());
    const logins = loginsFor(url, this.#kept.DATABASE_PASSWORDS);
    try {
      const done = await provision({ adminUrl: url, logins });
      if (!/up to date/.test(done)) this.#print.say(done);
    } catch (error) {
      if (given || !/password authentication failed/.test(error.message)) throw error;
      const folder = forPeople(this.#dataDir.path);
      throw new Refusal(
        `The database in ${folder} was made with another settings.json than the one there: bring that file back, or move ${folder} away to begin anew.`,
      );
    }
    if (given) await this.#keepDatabase(databaseOf(given));
    return { adminUrl: url, logins };
  }

  /** So that the operators' commands know later that its URL was an administrator's. */
  async #keepDatabase(database) {
    if (this.#kept.DATABASES_WITH_LOGINS?.includes(database)) return;
    await changeSettings(this.#dataDir.path, (settings) => ({
      ...settings,
      DATABASES_WITH_LOGINS: [...new Set([...(settings.DATABASES_WITH_LOGINS ?? []), database])],
    }));
  }

  async #startPostgres() {
    const folder = placeForPostgres(this.#dataDir.path);
    const port = this.#ports.postgres;
    const password = this.#kept.POSTGRES_PASSWORD;
    this.#why.postgres = (lines) => whyNoPostgres(lines, { folder, port });
    const spec = await preparePostgres({ folder, port, password });
    await this.#supervisor.start(spec);
    this.notes.database = `${spec.label} on port ${port}, in ${forPeople(folder)}`;
    return adminUrl({ port, password, database: 'hub' });
  }

  /** @returns {Promise<string>} its URL */
  async #startRedis() {
    const url = givenRedisUrl(this.#given);
    if (url) {
      await requireRedis(url, this.#given.REDIS_CACERT);
      return url;
    }
    const port = this.#ports.redis;
    const folder = path.join(this.#dataDir.path, 'redis');
    const password = this.#kept.REDIS_PASSWORD;
    this.#why.redis = (lines) => whyNoRedis(lines, { folder, port });
    const spec = await prepareRedis({
      folder,
      cacheFolder: this.#dataDir.path,
      port,
      password,
      mode: this.#given.HUB_REDIS_MODE,
      say: this.#print.say,
    });
    await this.#supervisor.start(spec);
    this.notes.redis = `${spec.label} on port ${port}`;
    if (!spec.keepsData)
      this.#print.say(
        'This Redis keeps everything in memory: work that is queued is lost when it stops (the hub finds again what is due). Install redis-server to keep it.',
      );
    return redisUrl({ port, password });
  }

  async #startSandbox(settings) {
    const port = this.#ports.sandbox;
    await this.#supervisor.start(sandboxSpec({ port, logLevel: settings.LOG_LEVEL }));
    return sandboxSettings(this.#given, await askSandbox(port), this.#dataDir.path);
  }

  async #startApps({ settings, database, redis, sandbox }) {
    const shared = {
      REDIS_PREFIX: redisPrefix(database.adminUrl),
      ...settings,
      ...sandbox.environment,
      REDIS_URL: redis,
    };
    for (const name of ['DATABASE_ADMIN_URL', 'DATABASE_ADMIN_URL_FILE']) delete shared[name]; // for migrations only
    Object.assign(shared, localSignIn(shared));
    if (!sandbox.environment.PROVIDER_ENDPOINTS_FILE)
      this.notes.providers =
        'Providers as PROVIDER_ENDPOINTS_FILE says; one that it does not name and that has no credentials is not configured.';
    else if (sandbox.real.length > 0)
      this.notes.providers = `Real providers, since their credentials are given: ${sandbox.real.join(', ')}. The sandbox plays all others.`;

    const specs = APPS.map((app) => {
      const port = app.health === 'PORT' ? shared.PORT : this.#ports[app.name];
      const env = {
        ...shared,
        DATABASE_URL: asLogin(database.adminUrl, database.logins[app.login]),
        [app.health]: String(port),
      };
      if (app.name === 'gateway') this.environment = env;
      return {
        name: app.name,
        command: process.execPath,
        args: [mainOf(app.name)],
        options: { env, cwd: process.cwd() },
        ready: `${addressOf(shared.HOST, port)}/health/ready`,
        signals: [['SIGTERM', app.stopMs]],
      };
    });
    await Promise.all(specs.map((spec) => this.#supervisor.start(spec)));
  }

  #giveUp({ name, how, lines }) {
    const sentence =
      this.#why[name]?.(lines) ??
      `${name} ${how} and cannot be kept running: mend what its last lines say and start again.`;
    const shown = this.#why[name] ? [] : lines.slice(-15).map((line) => this.#print.format(name, line));
    void this.fail(new Refusal([...shown, sentence].join('\n')));
  }
}
