<?php
/**
 * Plugin Name:       Relay Connector
 * Description:       Sends your site's events, signed, to your own Relay gateway. Visitors do not wait.
 * Version:           1.2.0
 * Requires at least: 6.1
 * Requires PHP:      7.4
 * Author:            Relay
 * License:           GPL-2.0-or-later
 * License URI:       https://www.gnu.org/licenses/gpl-2.0.html
 * Update URI:        false
 * Text Domain:       relay-connector
 * Domain Path:       /languages
 *
 * @package Relay_Connector
 */

defined( 'ABSPATH' ) || exit;

define( 'RELAY_CONNECTOR_VERSION', '1.2.0' );
define( 'RELAY_CONNECTOR_FILE', __FILE__ );

require_once __DIR__ . '/includes/class-autoloader.php';

require_once __DIR__ . '/includes/functions.php';

\Relay_Connector\Autoloader::register( __DIR__ . '/includes' );
( new \Relay_Connector\Plugin() )->add_hooks();
