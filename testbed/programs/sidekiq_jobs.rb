# The jobs of sidekiq_worker.rb, for the worker and for who wants them done.
require "sidekiq"
require "sidekiq/api"

url = "redis://127.0.0.1:#{ENV["PORT"]}/0"
Sidekiq.configure_client { |config| config.redis = {url: url} }
Sidekiq.configure_server do |config|
  config.redis = {url: url}
  config.average_scheduled_poll_interval = 1
end

class Sum
  include Sidekiq::Worker
  def perform(i)
    Sidekiq.redis { |redis| redis.incrby("sum", i) }
  end
end

class Fail
  include Sidekiq::Worker
  sidekiq_options retry: 0
  def perform
    raise "as wanted"
  end
end
