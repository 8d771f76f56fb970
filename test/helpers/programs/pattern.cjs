// Bytes that both ends of a stream know from its number: how many pieces, how large each is, and what is in it.
const { createCipheriv } = require('node:crypto')
const { Buffer } = require('node:buffer')

/** Around the edges of buffers, windows and pieces. */
const SIZES = [0, 1, 2, 100, 1023, 4096, 16_383, 16_384, 16_385, 32_767, 32_768, 32_769, 65_537]

/** @param {number} n @returns {Buffer[]} the pieces of stream n */
function piecesOf(n) {
  const key = Buffer.alloc(16)
  key.writeUInt32LE(n)
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16))
  const draw = (below) => cipher.update(Buffer.alloc(4)).readUInt32LE() % below
  const large = draw(4) === 0
  const count = 1 + draw(large ? 12 : 40)
  return Array.from({ length: count }, () =>
    cipher.update(Buffer.alloc(SIZES[draw(large ? SIZES.length : 5)])),
  )
}

module.exports = { piecesOf }
