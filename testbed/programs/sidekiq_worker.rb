# Sidekiq: jobs one by one and in bulk, one that is due later, one that fails and dies, and the figures of all.
require "./sidekiq_jobs"

100.times { |i| Sum.perform_async(i) }
Sum.perform_bulk((1..100).map { |i| [i] })
Sum.perform_in(1, 1000)
Fail.perform_async
p Sidekiq::Queue.new.size, Sidekiq::ScheduledSet.new.size
worker = spawn("sidekiq", "-r", "./sidekiq_jobs.rb", "-c", "3", out: :err)
60.times do
  break if Sidekiq::Stats.new.processed == 202
  sleep 0.5
end
p Sidekiq::ProcessSet.new.size
Process.kill("TERM", worker)
Process.wait(worker)
stats = Sidekiq::Stats.new
p Sidekiq.redis { |redis| redis.get("sum") }
p stats.processed, stats.failed, stats.enqueued, stats.scheduled_size, stats.retry_size, stats.dead_size
p Sidekiq::DeadSet.new.map(&:klass), Sidekiq::Queue.all.map(&:name), Sidekiq::Stats::History.new(1).processed.values
