// Loaded into every process of a stack under test: it ends with the test run, even when that is killed. The pipe on its
// standard input closes then.
process.stdin.on('close', () => process.kill(process.pid, 'SIGKILL'));
process.stdin.on('error', () => {});
process.stdin.resume();
process.stdin.unref();
