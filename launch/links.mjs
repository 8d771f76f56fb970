// Links of Markdown between files of the repository, for a text that is packed without most of them: what comes along stays a link, of the rest
// the words stay, with the path that it has in the repository.
import { dirname, join, normalize, relative } from 'node:path/posix'

/**
 * @param {string} text
 * @param {{ path: string, packed: string }} place where the text stands in the repository, and in the package
 * @param {(path: string) => string | undefined} find of a path in the repository: where it is in the package
 */
export function relink(text, { path, packed }, find) {
  return text.replace(/\[([^\]]*)\]\(([^)\s]+)\)/g, (whole, words, target) => {
    if (/^(?:[a-z]+:|#)/.test(target)) return whole
    const [, file, anchor] = /^([^#]*)(.*)$/.exec(target)
    const aim = normalize(join(dirname(path), file)).replace(/\/$/, '')
    const there = find(aim)
    if (there !== undefined) return `[${words}](${relative(dirname(packed), there)}${anchor})`
    const way = `\`${aim}\` in the repository`
    return aim.endsWith(words.replace(/`/g, '')) ? way : `${words} (${way})`
  })
}
