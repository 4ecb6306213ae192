// Loaded before an app: names of a test's own have the addresses that its table gives them, one answer of the list for each
// look-up, and what is connected to is written down. The table and the record are files, named by the environment.
const dns = require('node:dns');
const fs = require('node:fs');
const net = require('node:net');

const { TEST_RESOLVER_TABLE: tableFile, TEST_RESOLVER_RECORD: recordFile } = process.env;
const lookedUp = new Map();
const lookup = dns.lookup;

/** The next answer for a name of the test's own; the last one holds on. */
function answerFor(name) {
  const answers = JSON.parse(fs.readFileSync(tableFile, 'utf8'))[name];
  if (!answers) return undefined;
  const times = lookedUp.get(name) ?? 0;
  lookedUp.set(name, times + 1);
  return answers[Math.min(times, answers.length - 1)].map((address) => ({ address, family: net.isIP(address) }));
}

dns.lookup = (name, options, callback) => {
  const found = typeof options === 'object' ? answerFor(name) : undefined;
  if (!found) return lookup(name, options, callback);
  setImmediate(() => (options.all ? callback(null, found) : callback(null, found[0].address, found[0].family)));
};

const note = (host, address, port) =>
  fs.appendFileSync(recordFile, `${JSON.stringify({ host, address, port: Number(port) })}\n`);

/** Nothing of a test goes out to the world: an address of it is written down, and then it is not reached. */
const noWay = () => Object.assign(new Error('the tests have no world'), { code: 'ENETUNREACH' });

const connect = net.Socket.prototype.connect;
net.Socket.prototype.connect = function (...given) {
  const isNormal = Array.isArray(given[0]);
  const options = isNormal ? given[0][0] : given[0];
  const { host, port, lookup: asked = dns.lookup } = typeof options === 'object' && options !== null ? options : {};
  if (typeof host !== 'string') return connect.apply(this, given);
  if (net.isIP(host) !== 0) note(host, host, port);
  else {
    options.lookup = (name, wanted, callback) =>
      asked(name, wanted, (error, found, family) => {
        if (error) return callback(error, found, family);
        const addresses = Array.isArray(found) ? found.map(({ address }) => address) : [found];
        for (const address of addresses) note(name, address, port);
        if (addresses.every((address) => address.startsWith('127.') || address === '::1'))
          return callback(null, found, family);
        return callback(noWay(), '');
      });
  }
  return connect.apply(this, given);
};
