"""A Flask application that knows nothing of Tempest."""
from flask import Flask, jsonify, make_response, redirect, request

app = Flask(__name__)


@app.get('/hello')
def hello():
    return f"Hello {request.args.get('name', 'you')} from Flask\n"


@app.post('/form')
def form():
    return jsonify(request.form), 201


@app.post('/bytes')
def echo():
    return app.response_class(request.get_data(), mimetype='application/octet-stream')


@app.get('/cookies')
def cookies():
    response = make_response(request.cookies.get('visit', 'none') + '\n')
    response.set_cookie('visit', '1', httponly=True)
    response.set_cookie('theme', 'dark')
    return response


@app.get('/old')
def old():
    return redirect('/hello')


@app.get('/fails')
def fails():
    raise RuntimeError('a secret of the application')
