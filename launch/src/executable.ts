/** Looks for programs in a list of folders, the way a shell walks the PATH. */
import { accessSync, constants, statSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** The folders of a PATH; ours if none is given. */
export function foldersOf(path = process.env.PATH ?? ''): string[] {
  return path.split(delimiter).filter((folder) => folder !== '')
}

/** The first executable file of that name. */
export function findExecutable(folders: readonly string[], name: string): string | undefined {
  return folders.map((folder) => join(folder, name)).find(isExecutable)
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK)
    return statSync(file).isFile()
  } catch {
    return false // not there, or not for us: the next folder may have it
  }
}
