// Reads rendered objects as JSON from standard input and writes what is wrong with them as JSON: a list for each object.
// kubernetes-models' validators know types, formats and what is required, its interfaces which fields there are. A
// program of its own, since those packages are ES modules and Jest resolves CommonJS.
import path from 'node:path';
import { text } from 'node:stream/consumers';
import ts from 'typescript';

/** Where the models of an API group are. */
const PACKAGES = {
  'external-secrets.io': '@kubernetes-models/external-secrets',
  'gateway.networking.k8s.io': '@kubernetes-models/gateway-api',
  'keda.sh': '@kubernetes-models/keda',
  'monitoring.coreos.com': '@kubernetes-models/prometheus-operator',
};

const objects = JSON.parse(await text(process.stdin));
const findings = objects.map(() => []);
for (const [at, object] of objects.entries()) findings[at].push(...(await invalid(object)));
findUnknownFields();
process.stdout.write(JSON.stringify(findings));

function moduleOf({ apiVersion, kind }) {
  const group = apiVersion.includes('/') ? apiVersion.split('/')[0] : '';
  return `${PACKAGES[group] ?? 'kubernetes-models'}/${apiVersion}/${kind}`;
}

async function invalid(object) {
  try {
    const models = await import(moduleOf(object));
    new models[object.kind](object).validate();
    return [];
  } catch (error) {
    return [String(error.message)];
  }
}

/** Each object as a literal of its type: the compiler refuses fields that the type does not have. */
function findUnknownFields() {
  const file = path.resolve('.cache/manifests.ts');
  const lines = objects.map(
    (object, at) =>
      `export const object${at}: import('${moduleOf(object)}').I${object.kind} = ${JSON.stringify(object)};`,
  );
  const options = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    types: [],
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
  };
  const host = ts.createCompilerHost(options);
  const { getSourceFile, fileExists, readFile } = host;
  const source = lines.join('\n');
  host.fileExists = (name) => name === file || fileExists.call(host, name);
  host.readFile = (name) => (name === file ? source : readFile.call(host, name));
  host.getSourceFile = (name, version, ...rest) =>
    name === file ? ts.createSourceFile(name, source, version) : getSourceFile.call(host, name, version, ...rest);
  const program = ts.createProgram([file], options, host);
  for (const { file: of, start, messageText } of ts.getPreEmitDiagnostics(program)) {
    const message = ts.flattenDiagnosticMessageText(messageText, '\n');
    if (of?.fileName !== file) throw new Error(`The models do not compile: ${of?.fileName ?? ''} ${message}`);
    findings[of.getLineAndCharacterOfPosition(start ?? 0).line].push(message);
  }
}
