#!/usr/bin/env node
/**
 * The package's command. `millrace serve` is the local server; without a command, or with `--help`, it says what there
 * is. Like main.ts it imports nothing before it knows that Node is new enough.
 */
const [command = '--help', ...args] = process.argv.slice(2);

const USAGE = `millrace <command>

  serve   Serves the HTTP API with embedded storage, or on DynamoDB and S3; see millrace serve --help.

`;

switch (command) {
  case 'serve':
    process.argv.splice(2, process.argv.length, ...args);
    await import('./main.ts');
    break;
  case 'help':
  case '--help':
  case '-h':
    process.stdout.write(USAGE);
    break;
  default:
    process.stderr.write(`millrace: there is no command "${command}"; see millrace --help\n`);
    process.exitCode = 2;
}
