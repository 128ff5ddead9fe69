/** Global setup of the end-to-end tests: the pages and Node programs are built once, from the sources under test. */
import { execFileSync } from 'node:child_process';

export default function setup(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
