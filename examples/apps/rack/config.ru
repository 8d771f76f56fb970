# A Sinatra application that knows nothing of Tempest.
require 'json'
require 'sinatra/base'

class App < Sinatra::Base
  get('/hello') { "Hello #{params.fetch('name', 'you')} from Sinatra\n" }

  post('/form') do
    content_type :json
    status 201
    request.POST.to_json
  end

  post('/bytes') do
    content_type 'application/octet-stream'
    request.body.read
  end

  get '/cookies' do
    response.set_cookie('visit', value: '1', httponly: true)
    response.set_cookie('theme', 'dark')
    "#{request.cookies.fetch('visit', 'none')}\n"
  end

  get('/old') { redirect '/hello' }

  get('/fails') { raise 'a secret of the application' }
end

run App
