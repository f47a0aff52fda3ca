import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Writes generated files; with `--check` among the program's arguments compares them with what is there instead, names those
 * that differ and sets exit code 1.
 * @param folder where they belong
 * @param files text by name
 */
export function writeOrCheck(folder: string, files: ReadonlyMap<string, string>): void {
  const check = process.argv.includes('--check')
  for (const [name, text] of files) {
    const path = join(folder, name)
    if (!check) {
      writeFileSync(path, text)
      continue
    }
    let current = ''
    try {
      current = readFileSync(path, 'utf8')
    } catch {
      // A missing file is a stale one.
    }
    if (current === text) continue
    process.exitCode = 1
    console.error(`${path} is not what its sources make: run npm run generate`)
  }
}
