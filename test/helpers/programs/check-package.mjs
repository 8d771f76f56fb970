// What publint and arethetypeswrong say of a package: `node check-package.mjs <folder> <tarball>` prints a JSON array of their complaints.
import { checkPackage, createPackageFromTarballData } from '@arethetypeswrong/core'
import { readFileSync } from 'node:fs'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'

const [folder, tarball] = process.argv.slice(2)
const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true })
const contents = createPackageFromTarballData(new Uint8Array(readFileSync(tarball)))
const { problems = [{ kind: 'it has no types' }] } = await checkPackage(contents)
console.log(
  JSON.stringify([...messages.map((message) => formatMessage(message, pkg)), ...problems]),
)
