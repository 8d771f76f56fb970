/** The vectors of MessagePack, as they lie in the conformance kit (its vectors/README.md says what they mean). */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

export interface Vector {
  rule: string
  name: string
  hex: string
  expect: {
    job?: { action: string; args: unknown; respond_to: string | null; job_id: string }
    dead?: true
    why?: string
    reply?: { verb: string; job_id: string; code: string } | null
    is?: string
    value?: unknown
    fault?: unknown
    next?: { id: string; attempt?: number; hex: string }
  }
}

const file = join(__dirname, '../../packages/conformance/vectors/msgpack.json')
export const { vectors } = JSON.parse(readFileSync(file, 'utf8')) as { vectors: Vector[] }
