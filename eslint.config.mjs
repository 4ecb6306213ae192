import fs from 'node:fs';
import path from 'node:path';
import { defineConfig } from 'eslint/config';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';

const root = import.meta.dirname;
const TESTS = ['test/**/*.ts', '**/*.spec.ts'];

/** Every folder of the catalog is named as its provider. */
const providerIds = fs
  .readdirSync(path.join(root, 'libs/providers/src/catalog'), { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map((entry) => entry.name)
  .join('|');

/** What leads past the two doors: the data source, and what it gives. */
const NO_DOOR = '/^(dataSource|manager|getRepository|createQueryRunner|createEntityManager)$/';
const DRIVER = '/^(pg|pg-.+|typeorm)(\\u002F.*)?$/';
const SQL_OF_DOORS = '/hub[.]org_id|row_security|\\bset +(local +|session +)?(role|authorization)\\b/i';

/** A rule that forbids what these selectors match. */
const forbid = (message, ...selectors) => ({
  create: (context) => Object.fromEntries(selectors.map((at) => [at, (node) => context.report({ node, message })])),
});

/** What may not be said everywhere; .dependency-cruiser.cjs has the walls about imports. */
const hub = {
  rules: {
    'no-environment': forbid(
      'Only main.ts and telemetry.ts read the environment, by libs/config: take what you need from HubConfig.',
      "MemberExpression[object.name='process'][property.name='env']",
      "VariableDeclarator[init.name='process'] > ObjectPattern > Property[key.name='env']",
      "ImportDeclaration[source.value=/^(node:)?process$/] > ImportSpecifier[imported.name='env']",
    ),
    'no-back-doors': forbid(
      'Data is reached by withOrg() and asSystem() alone, so that row-level security knows the org.',
      `MemberExpression[property.name=${NO_DOOR}]`,
      `MemberExpression[property.value=${NO_DOOR}]`,
      `ObjectPattern > Property[key.name=${NO_DOOR}]`,
      'MemberExpression[object.name=/[dD]ataSource$/]',
      // out of a transaction again
      "MemberExpression[object.name='manager'][property.name=/^(connection|queryRunner|release)$/]",
      "ImportSpecifier[imported.name='appDataSource']",
      `ImportDeclaration[importKind='value'][source.value=${DRIVER}] > ImportSpecifier[importKind='value']`,
      `ImportDeclaration[importKind='value'][source.value=${DRIVER}] > :not(ImportSpecifier, Literal)`,
      `ImportExpression[source.value=${DRIVER}]`,
      `CallExpression[callee.name='require'][arguments.0.value=${DRIVER}]`,
      `:matches(ExportNamedDeclaration, ExportAllDeclaration)[exportKind='value'][source.value=${DRIVER}]`,
      // who sets the org, and who becomes somebody else, is no repository's affair
      `Literal[value=${SQL_OF_DOORS}]`,
      `TemplateElement[value.raw=${SQL_OF_DOORS}]`,
    ),
    'reason-in-words': forbid(
      'asSystem() is given its reason in words, so that whoever reads the call knows why it crosses orgs.',
      "CallExpression[callee.property.name='asSystem'][arguments.0.type!='Literal']",
      "CallExpression[callee.property.name='asSystem'] > Literal.arguments[value=/^\\W*$/]",
    ),
    'no-provider-ids': forbid(
      'No provider is special outside its folder in the catalog: make it a field or a hook of its definition.',
      `Literal[value=/^(${providerIds})$/]`,
      `TemplateElement[value.raw=/^(${providerIds})$/]`,
      `Property > Identifier.key[name=/^(${providerIds})$/]`,
    ),
  },
};

export default defineConfig(
  { ignores: ['**/dist/', 'coverage/', '.hub*/', '.cache/'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },

  {
    files: ['**/*.ts', '**/*.tsx'],
    extends: [tseslint.configs.recommendedTypeChecked],
    plugins: { hub },
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: root,
        experimentalDecorators: true,
        emitDecoratorMetadata: true,
      },
    },
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/require-await': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': 'error',
      // files with decorators are left out by the rule itself: Nest reads injected classes from the values
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allow: [{ from: 'package', package: 'url', name: ['URL', 'URLSearchParams'] }] },
      ],
      eqeqeq: 'error',
      'no-console': 'error',
      'hub/no-environment': 'error',
      'hub/no-back-doors': 'error',
      'hub/reason-in-words': 'error',
      'hub/no-provider-ids': 'error',
    },
  },

  // the kit of OpenTelemetry reads the environment itself, and before anything else
  { files: ['apps/*/src/{main,telemetry}.ts', 'libs/config/src/**/*.ts'], rules: { 'hub/no-environment': 'off' } },
  {
    files: ['libs/database/src/**/*.ts'],
    ignores: ['**/*.repository.ts'],
    rules: { 'hub/no-back-doors': 'off' },
  },
  {
    files: ['libs/providers/src/catalog/**/*.ts', '**/*.sandbox.ts', 'apps/sandbox/**/*.ts'],
    rules: { 'hub/no-provider-ids': 'off' },
  },
  { files: ['apps/cli/src/**/*.ts'], rules: { 'no-console': 'off' } },
  { files: ['apps/console/src/**/*.{ts,tsx}'], extends: [reactHooks.configs.flat['recommended-latest']] },

  {
    files: TESTS,
    rules: {
      'hub/no-environment': 'off',
      'hub/no-back-doors': 'off',
      'hub/reason-in-words': 'off',
      'hub/no-provider-ids': 'off',
      // what an answer holds is what a test finds out
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/no-unsafe-call': 'off',
      '@typescript-eslint/no-unsafe-member-access': 'off',
      '@typescript-eslint/no-unsafe-return': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
    },
  },

  {
    files: ['**/*.mjs', '**/*.cjs'],
    languageOptions: { ecmaVersion: 2024 },
    rules: {
      eqeqeq: 'error',
      'no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
);
