// What `npm start` runs from a checkout. It is JavaScript because a Node that is too old for Millrace may also be too
// old to read TypeScript, and must still say so in a sentence (the same as in node-version.ts).
const MAJOR_MIN = 24;
const version = process.versions.node;

if (Number.parseInt(version, 10) >= MAJOR_MIN) {
  await import('./main.ts');
} else {
  process.stderr.write(`millrace: Node ${version} is too old: Millrace needs Node ${MAJOR_MIN} or newer\n`);
  process.exit(1);
}
