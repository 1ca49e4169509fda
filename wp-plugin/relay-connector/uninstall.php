<?php
/**
 * Removes the plugin's data on every site of a network.
 *
 * @package Relay_Connector
 */

defined( 'ABSPATH' ) || exit;
defined( 'WP_UNINSTALL_PLUGIN' ) || exit;

require_once __DIR__ . '/includes/class-autoloader.php';
\Relay_Connector\Autoloader::register( __DIR__ . '/includes' );

( new \Relay_Connector\Uninstaller() )->run();
