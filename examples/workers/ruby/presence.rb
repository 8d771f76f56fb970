# Says that this worker is here (P-76, P-100, P-101), so that what it holds when it dies is found by others.
require 'json'
require 'securerandom'
require_relative 'store'

module Presence
  BOOT = SecureRandom.hex(8)
  WORKERS = "{#{QUEUE}}:workers".freeze
  RECORD = { role: 'worker', queues: [QUEUE], pid: Process.pid, patience: 2500 }.to_json

  module_function

  def beat(redis)
    now = redis.time.first * 1000
    redis.multi do |tx|
      tx.hset('tempest:nodes', BOOT, RECORD)
      tx.hincrby('tempest:beats', BOOT, 1)
      tx.zadd(WORKERS, now, BOOT)
    end
  end

  # In a thread of its own: a handler that computes for long must not look dead.
  def start
    @beats = Thread.new(connect) do |redis|
      loop do
        sleep 0.5
        beat(redis)
      rescue Redis::BaseError
        # Who works hears of it as well.
      end
    end
  end

  def leave(redis)
    @beats.kill.join
    redis.multi do |tx|
      tx.hdel('tempest:nodes', BOOT)
      tx.hdel('tempest:beats', BOOT)
      tx.zrem(WORKERS, BOOT)
    end
  end
end
