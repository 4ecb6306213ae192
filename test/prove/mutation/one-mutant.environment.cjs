const fs = require('node:fs');
const path = require('node:path');
const { TestEnvironment } = require('jest-environment-node');

/**
 * Makes a run with a mutant short. The first run, which has none, notes which spec has which tests; the later ones are
 * told by Stryker which tests to run (none in particular for a mutant of what is computed while a module loads), and load
 * no other spec (`all-specs.cjs`). The first test that fails finds the mutant: those after it are left out.
 */
module.exports = class extends TestEnvironment {
  #notes;
  #testsOf = {};
  #hasFailed = false;

  constructor(config, context) {
    super(config, context);
    const { rootDir } = config.projectConfig;
    const { testNamePattern } = config.globalConfig;
    this.#notes = path.join(rootDir, 'tests-of-specs.json');
    this.global.specs = { loaded: '', isWanted: testNamePattern ? this.#hasTestLike(testNamePattern) : () => true };
  }

  handleTestEvent({ name, test, testName }, state) {
    if (name === 'add_test') this.#note(testName, state.currentDescribeBlock);
    if (name === 'test_done' && test.errors.length > 0) this.#hasFailed = true;
    if (name === 'test_start' && this.#hasFailed) test.mode = 'skip';
    if (name === 'run_finish' && !state.testNamePattern && !fs.existsSync(this.#notes))
      fs.writeFileSync(this.#notes, JSON.stringify(this.#testsOf));
  }

  #hasTestLike(pattern) {
    const testsOf = JSON.parse(fs.readFileSync(this.#notes, 'utf8'));
    const wanted = new RegExp(pattern, 'i'); // as Jest reads it
    return (spec) => (testsOf[spec] ?? []).some((test) => wanted.test(test));
  }

  #note(testName, describeBlock) {
    const names = [testName];
    for (let block = describeBlock; block.parent; block = block.parent) names.unshift(block.name);
    (this.#testsOf[this.global.specs.loaded] ??= []).push(names.join(' '));
  }
};
