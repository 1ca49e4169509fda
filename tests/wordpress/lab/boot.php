<?php
/**
 * What the command line has to pretend before WordPress boots: php SCRIPT DOCUMENT_ROOT HOST:PORT.
 */

$_SERVER['HTTP_HOST']       = $argv[2];
$_SERVER['REQUEST_URI']     = '/';
$_SERVER['REQUEST_METHOD']  = 'GET';
$_SERVER['SERVER_NAME']     = '127.0.0.1';
$_SERVER['SERVER_PROTOCOL'] = 'HTTP/1.1';
$_SERVER['PHP_SELF']        = '/index.php';
require $argv[1] . '/wp-load.php';
